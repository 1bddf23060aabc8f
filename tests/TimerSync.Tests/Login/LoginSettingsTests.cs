using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using TimerSync.Features.Login;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.Login;

/// <summary>What the keys of <c>Login:</c> do (CONTRACT.md, sections 1, 5 and 6).</summary>
public sealed class LoginSettingsTests(ConfiguredServer configured)
{
    private const int WindowSeconds = 300;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_sign_up_closed_an_unknown_name_is_401_and_a_known_one_signs_in()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var known = await TestUser.SignUpAsync(server);
        await server.StopAsync();
        server.Configure("Login:AllowSignUp", "false");
        await server.StartAgainAsync();

        using var unknown = await PostAsync(server, "nobody", TestUser.AnyPassword);
        using var unknownAndShort = await PostAsync(server, "nobody", "short");
        var again = await known.LogInAgainAsync();

        await unknown.ProblemAsync(HttpStatusCode.Unauthorized);
        await unknownAndShort.ProblemAsync(HttpStatusCode.Unauthorized);
        Assert.Equal(known.Id, again.Id);
    }

    [Fact]
    public async Task A_name_with_too_many_failures_is_429_with_the_right_password_too_and_other_names_are_not()
    {
        await using var server = await TimerSyncServer.StartAsync(("Login:FailuresPerName", "2"), ("Login:FailuresPerAddress", "100"));
        var user = await TestUser.SignUpAsync(server);
        foreach (var spelling in new[] { user.Name, user.Name.ToUpperInvariant() })
        {
            using var wrong = await PostAsync(server, spelling, "not the password");
            await wrong.ProblemAsync(HttpStatusCode.Unauthorized);
        }

        using var right = await PostAsync(server, user.Name, user.Password);
        using var inTheForm = await PostFormAsync(server, user.Name, user.Password);

        await right.ProblemAsync(HttpStatusCode.TooManyRequests);
        Assert.InRange(right.RetryAfterSeconds(), 1, WindowSeconds);
        Assert.Equal(HttpStatusCode.TooManyRequests, inTheForm.StatusCode);
        Assert.InRange(inTheForm.RetryAfterSeconds(), 1, WindowSeconds);
        Assert.Contains("role=\"alert\"", await inTheForm.TextAsync(), StringComparison.Ordinal);
        await TestUser.SignUpAsync(server); // another name
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]); // a session that is open goes on
    }

    [Fact]
    public async Task An_address_with_too_many_failures_is_429_for_every_name()
    {
        await using var server = await TimerSyncServer.StartAsync(("Login:FailuresPerName", "100"), ("Login:FailuresPerAddress", "2"));
        var users = new[] { await TestUser.SignUpAsync(server), await TestUser.SignUpAsync(server) };
        foreach (var user in users)
        {
            using var wrong = await PostAsync(server, user.Name, "not the password");
            await wrong.ProblemAsync(HttpStatusCode.Unauthorized);
        }

        using var right = await PostAsync(server, users[0].Name, users[0].Password);
        using var newName = await PostAsync(server, "somebody new", TestUser.AnyPassword);

        await right.ProblemAsync(HttpStatusCode.TooManyRequests);
        Assert.InRange(right.RetryAfterSeconds(), 1, WindowSeconds);
        await newName.ProblemAsync(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task In_Development_one_character_is_a_password()
    {
        await using var server = await TimerSyncServer.StartAsync(("environment", "Development"));

        await TestUser.LogInAsync(server, "dev", "x");
        using var empty = await PostAsync(server, "dev2", "");

        await empty.ProblemAsync(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task The_least_length_of_a_password_is_a_setting()
    {
        var longEnough = new string('x', ConfiguredServer.MinPasswordLength);

        using var tooShort = await PostAsync(configured.Server, "name", longEnough[1..]);
        using var accepted = await PostAsync(configured.Server, "name", longEnough);

        await tooShort.ProblemAsync(HttpStatusCode.BadRequest);
        await accepted.JsonAsync();
    }

    /// <summary>OWASP, Password Storage Cheat Sheet: PBKDF2 with HMAC-SHA-512 and at least 210,000 iterations.</summary>
    [Fact]
    public async Task Passwords_are_stored_as_slow_hashes_and_a_faster_one_is_raised_at_the_next_login()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var user = await TestUser.SignUpAsync(server);
        Assert.InRange(ReadIterations(server, user), 1, 200_000);
        await server.StopAsync();
        server.Configure("Login:PasswordHashIterations", new LoginOptions().PasswordHashIterations.ToString(CultureInfo.InvariantCulture));
        await server.StartAgainAsync();

        await user.LogInAgainAsync();

        Assert.InRange(ReadIterations(server, user), 210_000, int.MaxValue);
    }

    private static int ReadIterations(TimerSyncServer server, TestUser user)
    {
        using var database = server.OpenDatabase();
        using var select = database.CreateCommand();
        select.CommandText = "SELECT password_hash FROM accounts WHERE id = @id";
        select.AddParameter("id", user.Id);
        var hash = Convert.FromBase64String((string)select.ExecuteScalar()!);

        const int HmacSha512 = 2;
        Assert.Equal(1, hash[0]); // the framework's format 3: marker, function, iterations, length of salt
        Assert.Equal(HmacSha512, BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(1)));
        Assert.InRange(BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(9)), 16, int.MaxValue);
        return BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(5));
    }

    private static async Task<HttpResponseMessage> PostAsync(TimerSyncServer server, string username, string password)
    {
        using var client = server.CreateClient();
        return await client.PostAsJsonAsync("/login", new { username, password }, Cancellation);
    }

    private static async Task<HttpResponseMessage> PostFormAsync(TimerSyncServer server, string username, string password)
    {
        using var client = server.CreateClient();
        using var form = new FormUrlEncodedContent([new("username", username), new("password", password)]);
        return await client.PostAsync("/login", form, Cancellation);
    }
}
