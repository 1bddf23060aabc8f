using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.Login;

/// <summary>Signing in with JSON: CONTRACT.md, sections 1 and 6 (names and passwords).</summary>
public sealed class LoginTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private const string Password = TestUser.AnyPassword;
    private const string Clock = "\U0001F550"; // one code point, two UTF-16 units

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private TestUser User { get; } = one.User;

    public static TheoryData<string, string> MalformedBodies => new()
    {
        { "an empty body", "" },
        { "half an object", "{" },
        { "an array", "[]" },
        { "null", "null" },
        { "a string", "\"name\"" },
        { "no fields", "{}" },
        { "no password", """{"username":"name"}""" },
        { "no username", """{"password":"correct horse battery"}""" },
        { "a username that is null", """{"username":null,"password":"correct horse battery"}""" },
        { "a password that is null", """{"username":"name","password":null}""" },
        { "a username that is a number", """{"username":1,"password":"correct horse battery"}""" },
        { "a password that is a number", """{"username":"name","password":12345678}""" },
        { "a password that is an array", """{"username":"name","password":["correct horse battery"]}""" },
        { "a username that is an object", """{"username":{},"password":"correct horse battery"}""" },
        { "something after the object", """{"username":"name","password":"correct horse battery"} {}""" },
        { "a comment", """{"username":"name","password":"correct horse battery"} // hello""" },
        { "a lone surrogate in the username", """{"username":"\ud800","password":"correct horse battery"}""" },
        { "a lone surrogate in the password", """{"username":"name","password":"correct horse \udc00"}""" },
        { "an empty username", """{"username":"","password":"correct horse battery"}""" },
        { "a username of spaces", """{"username":" \t\u00a0 ","password":"correct horse battery"}""" },
        { "a NUL in the username", """{"username":"a\u0000b","password":"correct horse battery"}""" },
        { "a line break in the username", """{"username":"a\nb","password":"correct horse battery"}""" },
        { "a delete character in the username", """{"username":"a\u007fb","password":"correct horse battery"}""" },
        { "a C1 control character in the username", """{"username":"a\u0085b","password":"correct horse battery"}""" },
    };

    [Fact]
    public async Task First_login_makes_the_account_and_answers_with_a_bearer_token()
    {
        using var answer = await PostAsync(NewName(), Password);

        var body = (await answer.JsonAsync()).AsObject();
        Assert.Equal(["access_token", "expires_in", "token_type", "user_id"], body.Select(member => member.Key).Order(StringComparer.Ordinal));
        Assert.Equal("Bearer", (string?)body["token_type"]);
        Assert.Equal(7 * 24 * 60 * 60, (long?)body["expires_in"]);
        Assert.StartsWith("u_", (string?)body["user_id"], StringComparison.Ordinal);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.False(answer.Headers.Contains("Set-Cookie"), "A program keeps its token itself.");
        var user = new TestUser(shared.Server, "", "", (string)body["user_id"]!, (string)body["access_token"]!);
        Assert.Equal(user.Id, (string?)(await user.GetTimerAsync())["user_id"]);
    }

    [Fact]
    public async Task Second_login_is_the_same_user_with_a_session_of_its_own()
    {
        var again = await User.LogInAgainAsync();

        Assert.Equal(User.Id, again.Id);
        Assert.NotEqual(User.Token, again.Token);
    }

    [Theory]
    [InlineData("not the password")]
    [InlineData("Correct horse battery")] // another case
    [InlineData(" correct horse battery")] // a password is not trimmed
    public async Task Wrong_password_is_401(string password)
    {
        using var answer = await PostAsync(User.Name, password);

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Names_are_trimmed_normalised_and_compared_without_case()
    {
        var unique = Guid.NewGuid().ToString("N");
        var composed = await TestUser.LogInAsync(shared.Server, $"Zo\u00eb {unique}", Password);

        var decomposed = await TestUser.LogInAsync(shared.Server, $" \t\u00a0ZOE\u0308 {unique.ToUpperInvariant()} ", Password);

        Assert.Equal(composed.Id, decomposed.Id);
    }

    [Theory]
    [MemberData(nameof(MalformedBodies))]
    public async Task Malformed_or_missing_fields_are_400(string what, string body)
    {
        using var answer = await PostTextAsync(body);

        var problem = await answer.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.False(string.IsNullOrEmpty((string?)problem["detail"]), $"{what}: say what is wrong");
    }

    [Fact]
    public async Task Invalid_UTF8_is_400()
    {
        var body = Encoding.Latin1.GetBytes("{\"username\":\"zo\u00eb\",\"password\":\"correct horse battery\"}");

        using var answer = await PostBytesAsync(body, "application/json");

        await answer.ProblemAsync(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/json; charset=nonsense")]
    [InlineData(null)]
    public async Task A_body_that_is_not_declared_as_JSON_is_refused_without_an_account(string? contentType)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new { username = NewName(), password = Password });

        using var answer = await PostBytesAsync(body, contentType);

        await answer.ProblemAsync(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(20 * 1024)] // above the login's own limit
    [InlineData(100 * 1024)] // more than the sockets take ahead
    public async Task A_huge_body_is_413(int bytes)
    {
        using var whole = await PostAsync(NewName(), new string('x', bytes));
        await whole.ProblemAsync(HttpStatusCode.RequestEntityTooLarge);

        using var client = shared.Server.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/login");
        request.Content = JsonContent.Create(new { username = NewName(), password = new string('x', bytes) });
        request.Headers.TransferEncodingChunked = true; // no length to go by
        using var chunked = await client.SendAsync(request, Cancellation);
        await chunked.ProblemAsync(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task The_longest_name_and_password_count_code_points()
    {
        var longestName = NewName() + string.Concat(Enumerable.Repeat(Clock, 32));
        var longestPassword = string.Concat(Enumerable.Repeat(Clock, 128));
        Assert.Equal(64, longestName.EnumerateRunes().Count());

        using var longest = await PostAsync($"  {longestName}  ", longestPassword);
        using var nameTooLong = await PostAsync(longestName + "x", longestPassword);
        using var passwordTooLong = await PostAsync(longestName, longestPassword + "x");

        await longest.JsonAsync();
        await nameTooLong.ProblemAsync(HttpStatusCode.BadRequest);
        await passwordTooLong.ProblemAsync(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task The_shortest_password_of_a_new_account_counts_code_points()
    {
        var name = NewName();

        using var tooShort = await PostAsync(name, string.Concat(Enumerable.Repeat(Clock, 7)));
        using var longEnough = await PostAsync(name, string.Concat(Enumerable.Repeat(Clock, 8)));

        await tooShort.ProblemAsync(HttpStatusCode.BadRequest);
        await longEnough.JsonAsync();
    }

    [Fact]
    public async Task A_short_password_for_a_name_that_exists_is_401()
    {
        using var answer = await PostAsync(User.Name, "short");

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Of_two_simultaneous_first_logins_one_makes_the_account()
    {
        var name = NewName();

        var answers = await Task.WhenAll(PostAsync(name, Password), PostAsync(name.ToUpperInvariant(), "another password"));

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Unauthorized], answers.Select(answer => answer.StatusCode).Order());
        Assert.Equal(1, Count("SELECT count(*) FROM accounts WHERE name_folded = @name", name));
        Array.ForEach(answers, answer => answer.Dispose());
    }

    [Fact]
    public async Task Two_simultaneous_first_logins_with_one_password_are_one_user()
    {
        var name = NewName();

        var users = await Task.WhenAll(
            TestUser.LogInAsync(shared.Server, name, Password), TestUser.LogInAsync(shared.Server, name, Password));

        Assert.Equal(users[0].Id, users[1].Id);
    }

    [Fact]
    public async Task Unknown_fields_are_ignored()
    {
        using var answer = await PostTextAsync(
            JsonSerializer.Serialize(new { device = new { os = "x" }, username = User.Name, password = User.Password }));

        Assert.Equal(User.Id, (string?)(await answer.JsonAsync())["user_id"]);
    }

    [Fact]
    public async Task A_browser_that_is_signed_in_may_sign_in_again_without_an_Origin()
    {
        using var browser = User.CreateBrowser(origin: null);

        using var answer = await browser.PostAsJsonAsync("/login", new { username = User.Name, password = User.Password }, Cancellation);

        await answer.JsonAsync();
    }

    [Fact]
    public void Nobody_else_on_the_machine_can_read_the_database()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are a thing of Unix.");
        Assert.SkipWhen(TestEngine.IsPostgres, "Of SQLite's file.");
        if (!OperatingSystem.IsWindows())
        {
            foreach (var file in new[] { "", "-wal", "-shm" })
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(shared.Server.DatabaseFile + file));
            }
        }
    }

    private static string NewName() => Guid.NewGuid().ToString("N");

    private long Count(string sql, string name)
    {
        using var database = shared.Server.OpenDatabase();
        using var select = database.CreateCommand();
        select.CommandText = sql;
        select.AddParameter("name", name);
        return (long)select.ExecuteScalar()!;
    }

    private Task<HttpResponseMessage> PostAsync(string username, string password) =>
        PostTextAsync(JsonSerializer.Serialize(new { username, password }));

    private Task<HttpResponseMessage> PostTextAsync(string json) => PostBytesAsync(Encoding.UTF8.GetBytes(json), "application/json");

    private async Task<HttpResponseMessage> PostBytesAsync(byte[] body, string? contentType)
    {
        using var client = shared.Server.CreateClient();
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = contentType is null ? null : MediaTypeHeaderValue.Parse(contentType);
        return await client.PostAsync("/login", content, Cancellation);
    }
}
