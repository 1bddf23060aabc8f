using System.Net;
using System.Text.RegularExpressions;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests.Home;

/// <summary>The page without a browser: CONTRACT.md, section 4. What it does in one is tested end to end.</summary>
public sealed partial class HomeTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_session_it_is_the_login_form()
    {
        using var client = shared.Server.CreateClient();

        using var answer = await client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        var html = await answer.TextAsync();
        Assert.Contains("name=\"username\"", html, StringComparison.Ordinal);
        Assert.Contains("name=\"password\"", html, StringComparison.Ordinal);
        Assert.Contains(">Sign in<", html, StringComparison.Ordinal);
        Assert.DoesNotContain("data-testid=\"elapsed\"", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_session_it_is_the_timer()
    {
        using var browser = one.User.CreateBrowser(origin: null);

        using var answer = await browser.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var html = await answer.TextAsync();
        Assert.DoesNotContain("name=\"password\"", html, StringComparison.Ordinal);
        Assert.Matches("<[^>]+role=\"timer\"[^>]+data-testid=\"elapsed\"[^>]*>00:00:00<", html);
        Assert.Matches("<button[^>]+data-testid=\"toggle\"[^>]*>Start<", html);
        Assert.Matches("data-testid=\"status\"[^>]*>Stopped<", html);
        Assert.Matches("<[^>]+role=\"status\"[^>]+data-testid=\"connection\"[^>]*>Reconnecting<", html);
        Assert.DoesNotContain(one.User.Token, html, StringComparison.Ordinal); // never readable by script
    }

    [Fact]
    public async Task An_ended_session_shows_the_login_form_and_its_cookie_goes()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var browser = user.CreateBrowser(shared.Server.Origin);
        using var logout = await browser.PostAsync("/logout", content: null, Cancellation);

        using var answer = await browser.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("name=\"password\"", await answer.TextAsync(), StringComparison.Ordinal);
        var cookie = answer.SetCookie();
        Assert.Equal((SessionCookie.Name, ""), (cookie.Name, cookie.Value));
        Assert.Contains("expires=thu, 01 jan 1970 00:00:00 gmt", cookie.Attributes);
    }

    [Fact]
    public async Task A_name_is_encoded_where_the_page_shows_it()
    {
        var user = await TestUser.LogInAsync(shared.Server, $"<i title=\"{Guid.NewGuid():N}\">&'", TestUser.AnyPassword);
        using var browser = user.CreateBrowser(origin: null);

        var html = await browser.GetStringAsync("/", Cancellation);

        Assert.DoesNotContain("<i ", html, StringComparison.Ordinal);
        Assert.Contains(user.Name, WebUtility.HtmlDecode(html), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_page_is_never_stored_and_runs_only_what_its_server_serves(bool isSignedIn)
    {
        using var client = isSignedIn ? one.User.CreateBrowser(origin: null) : shared.Server.CreateClient();

        using var answer = await client.GetAsync("/", Cancellation);

        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("utf-8", answer.Content.Headers.ContentType?.CharSet);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var policy = answer.Header("Content-Security-Policy") ?? "";
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("*", policy, StringComparison.Ordinal);

        var html = await answer.TextAsync();
        Assert.All(Script().Matches(html), script => Assert.Matches("^<script src=\"[^\"]+\"></script>$", script.Value));
        Assert.DoesNotMatch("<style|<[^>]+ style=|<[^>]+ on[a-z]+=|<[^>]+ hx-on|javascript:", html);
        Assert.DoesNotMatch("(src|href|action)=\"(https?:)?//", html);
    }

    [Fact]
    public async Task Every_file_that_the_page_names_is_served()
    {
        using var client = shared.Server.CreateClient();
        var html = await client.GetStringAsync("/", Cancellation);
        var files = File().Matches(html).Select(match => match.Groups["path"].Value).ToArray();
        Assert.NotEmpty(files);

        foreach (var file in files)
        {
            using var answer = await client.GetAsync(file, Cancellation);
            Assert.True(answer.IsSuccessStatusCode, $"{file}: {answer.StatusCode}");
            Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        }
    }

    [GeneratedRegex("<script[^>]*>.*?</script>", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Script();

    [GeneratedRegex("<(script src|link [^>]*href)=\"(?<path>[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex File();
}
