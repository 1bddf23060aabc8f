using System.Net;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Tests.Logout;

/// <summary>CONTRACT.md, section 1, and section 6 (form login).</summary>
public sealed class LogoutTests(SharedServer shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_401_after_its_logout_and_logging_out_again_is_204()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var client = user.CreateClient();

        using var logout = await client.PostAsync("/logout", content: null, Cancellation);
        using var after = await client.GetAsync("/timers", Cancellation);
        using var again = await client.PostAsync("/logout", content: null, Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, logout.StatusCode);
        await after.ProblemAsync(HttpStatusCode.Unauthorized);
        Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("https://evil.example")] // nobody is signed out by it
    public async Task Without_a_session_it_is_204(string? origin)
    {
        using var client = shared.Server.CreateClient();
        client.DefaultRequestHeaders.Add("Origin", origin ?? shared.Server.Origin);

        using var answer = await client.PostAsync("/logout", content: null, Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task The_cookie_goes_and_htmx_shows_the_login_form()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var browser = user.CreateBrowser(shared.Server.Origin);
        browser.DefaultRequestHeaders.Add("HX-Request", "true");

        using var answer = await browser.PostAsync("/logout", content: null, Cancellation);
        using var after = await browser.GetAsync("/timers", Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal("/", answer.Header("HX-Redirect"));
        AssertDeleted(answer);
        await after.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task The_cookie_of_a_session_that_has_ended_goes_too()
    {
        using var browser = shared.Server.CreateClient();
        browser.DefaultRequestHeaders.Add("Cookie", $"{SessionCookie.Name}=ended");

        using var answer = await browser.PostAsync("/logout", content: null, Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        AssertDeleted(answer);
    }

    [Fact]
    public async Task Sockets_of_the_session_close_with_4401_and_those_of_another_session_stay()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var otherSession = await user.LogInAgainAsync();
        await using var json = await user.ConnectAsync();
        await using var html = await user.ConnectAsync(SocketClient.Html);
        await using var other = await otherSession.ConnectAsync();
        await json.ReceiveAsync("timer_updated");
        await html.ReceiveTextAsync();
        await other.ReceiveAsync("timer_updated");
        using var client = user.CreateClient();

        using var answer = await client.PostAsync("/logout", content: null, Cancellation);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal((int)CloseCodes.LoginRequired, await json.ReceiveCloseAsync());
        Assert.Equal((int)CloseCodes.LoginRequired, await html.ReceiveCloseAsync());
        await other.StartAsync(Guid.NewGuid());
        Assert.Equal("running", (string?)(await other.ReceiveAsync("timer_updated"))["status"]);
    }

    private static void AssertDeleted(HttpResponseMessage answer)
    {
        var cookie = answer.SetCookie();
        Assert.Equal((SessionCookie.Name, ""), (cookie.Name, cookie.Value));
        Assert.Contains("expires=thu, 01 jan 1970 00:00:00 gmt", cookie.Attributes);
        Assert.Contains("path=/", cookie.Attributes); // else the browser keeps it
    }
}
