using System.Net;
using System.Text.Json;

namespace TimerSync.Tests.Infrastructure.Auth;

/// <summary>A request that the cookie authenticates and that changes something needs the server's own Origin (CONTRACT.md, section 1).</summary>
public sealed class OriginTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private const string PublicOrigin = "https://timer.example.org";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private TestUser User { get; } = one.User;

    public static TheoryData<string, string?> ForeignOrigins
    {
        get
        {
            var data = new TheoryData<string, string?>();
            foreach (var path in new[] { "/timers", "/logout" })
            {
                // No origin, another site, a sandboxed frame, another port, another scheme, and names that only look alike.
                foreach (var origin in new[] { null, "https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "https://{own}", "http://{own}.evil.example", "http://evil.example/{own}", "{own}" })
                {
                    data.Add(path, origin);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(ForeignOrigins))]
    public async Task A_missing_or_foreign_Origin_is_403_and_changes_nothing(string path, string? origin)
    {
        using var browser = User.CreateBrowser(origin?.Replace("{own}", shared.Server.Address.Authority, StringComparison.Ordinal));

        using var answer = await browser.PostAsync(path, Start(), Cancellation);

        await answer.ProblemAsync(HttpStatusCode.Forbidden);
        Assert.Equal(0, (long?)(await User.GetTimerAsync())["version"]); // and the session goes on
    }

    [Fact]
    public async Task The_own_Origin_is_accepted()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var browser = user.CreateBrowser(shared.Server.Origin);

        using var start = await browser.PostAsync("/timers", Start(), Cancellation);
        using var logout = await browser.PostAsync("/logout", content: null, Cancellation);

        await start.JsonAsync();
        Assert.Equal(HttpStatusCode.NoContent, logout.StatusCode);
    }

    [Fact]
    public async Task Reading_needs_no_Origin()
    {
        using var browser = User.CreateBrowser(origin: null);

        using var answer = await browser.GetAsync("/timers", Cancellation);

        await answer.JsonAsync();
    }

    [Fact]
    public async Task A_token_in_the_header_needs_no_Origin()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var client = user.CreateClient();
        client.DefaultRequestHeaders.Add("Origin", "https://another.example"); // a program may be a page of another site

        using var answer = await client.PostAsync("/timers", Start(), Cancellation);

        await answer.JsonAsync();
    }

    [Fact]
    public async Task Behind_a_proxy_PublicOrigin_is_the_own_one()
    {
        await using var server = await TimerSyncServer.StartAsync(("PublicOrigin", PublicOrigin));
        var user = await TestUser.SignUpAsync(server);
        using var fromPublic = user.CreateBrowser(PublicOrigin);
        using var fromLocal = user.CreateBrowser(server.Origin);

        using var local = await fromLocal.PostAsync("/timers", Start(), Cancellation);
        using var localLogin = await fromLocal.PostAsync("/login", LoginForm(user), Cancellation);
        using var started = await fromPublic.PostAsync("/timers", Start(), Cancellation);
        using var login = await fromPublic.PostAsync("/login", LoginForm(user), Cancellation);

        await local.ProblemAsync(HttpStatusCode.Forbidden);
        await localLogin.ProblemAsync(HttpStatusCode.Forbidden);
        Assert.Equal(1, (long?)(await started.JsonAsync())["version"]);
        Assert.Equal(HttpStatusCode.SeeOther, login.StatusCode);
        Assert.Contains("secure", login.SetCookie().Attributes); // the browser speaks https
    }

    private static StringContent Start() => new(JsonSerializer.Serialize(new { action = "timer_start", id = Guid.NewGuid() }));

    private static FormUrlEncodedContent LoginForm(TestUser user) => new([new("username", user.Name), new("password", user.Password)]);
}
