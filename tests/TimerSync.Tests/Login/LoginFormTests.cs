using System.Net;
using System.Net.Http.Headers;

namespace TimerSync.Tests.Login;

/// <summary>The login page's form: CONTRACT.md, sections 1 and 6 (form login).</summary>
public sealed class LoginFormTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private const string HostileName = "<script>alert(1)</script> \"'&";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private TestUser User { get; } = one.User;

    [Fact]
    public async Task Success_is_303_to_the_page_with_a_session_cookie_that_script_cannot_read()
    {
        using var answer = await PostAsync(User.Name, User.Password, shared.Server.Origin);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("/", answer.Header("Location"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var cookie = answer.SetCookie();
        Assert.Contains("httponly", cookie.Attributes);
        Assert.Contains("samesite=strict", cookie.Attributes);
        Assert.Contains("path=/", cookie.Attributes);
        // A session cookie lives in the browser's memory only.
        Assert.DoesNotContain(cookie.Attributes, attribute =>
            attribute.StartsWith("expires", StringComparison.Ordinal) || attribute.StartsWith("max-age", StringComparison.Ordinal));
        var session = User with { Token = cookie.Value };
        Assert.Equal(User.Id, (string?)(await session.GetTimerAsync())["user_id"]); // the cookie carries the JWT
    }

    [Fact]
    public async Task To_htmx_success_is_a_redirect_of_the_page()
    {
        using var answer = await PostAsync(User.Name, User.Password, shared.Server.Origin, isHtmx: true);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal("/", answer.Header("HX-Redirect"));
        Assert.Contains("httponly", answer.SetCookie().Attributes);
    }

    [Fact]
    public async Task A_new_name_makes_an_account()
    {
        using var answer = await PostAsync($"form-{Guid.NewGuid():N}", TestUser.AnyPassword, shared.Server.Origin);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_wrong_password_shows_the_form_again_with_the_name_and_an_announced_error(bool isHtmx)
    {
        using var answer = await PostAsync(User.Name, "not the password", shared.Server.Origin, isHtmx);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        var html = await answer.TextAsync();
        Assert.Contains($"value=\"{User.Name}\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("not the password", html, StringComparison.Ordinal);
        Assert.Matches("<[^>]+role=\"alert\"[^>]*>[^<]+<", html);
        Assert.Equal(!isHtmx, html.Contains("<html", StringComparison.Ordinal)); // htmx gets the form alone
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_name_in_the_form_is_encoded(bool isHtmx)
    {
        using var answer = await PostAsync(HostileName, "short", shared.Server.Origin, isHtmx);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var html = await answer.TextAsync();
        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        var value = html.Split("name=\"username\"")[1].Split("value=\"")[1].Split('"')[0];
        Assert.Equal(HostileName, WebUtility.HtmlDecode(value));
    }

    [Theory]
    [InlineData("", "correct horse battery")]
    [InlineData("a\u0007b", "correct horse battery")]
    [InlineData("somebody new", "short")]
    public async Task Malformed_fields_show_the_form_with_an_error(string name, string password)
    {
        using var answer = await PostAsync(name, password, shared.Server.Origin);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Matches("<[^>]+role=\"alert\"[^>]*>[^<]+<", await answer.TextAsync());
    }

    [Fact]
    public async Task A_form_without_fields_is_400()
    {
        using var client = shared.Server.CreateClient();
        using var form = new FormUrlEncodedContent([]);

        using var answer = await client.PostAsync("/login", form, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("null")] // a sandboxed frame
    public async Task A_form_of_another_site_signs_nobody_in(string origin)
    {
        using var answer = await PostAsync(User.Name, User.Password, origin);

        await answer.ProblemAsync(HttpStatusCode.Forbidden);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_form_without_an_Origin_signs_in(bool isSignedIn)
    {
        using var answer = await PostAsync(User.Name, User.Password, origin: null, cookie: isSignedIn ? User.Token : null);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    [Fact]
    public async Task A_huge_form_is_413()
    {
        using var answer = await PostAsync(User.Name, new string('x', 20 * 1024), shared.Server.Origin);

        await answer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded; charset=nonsense", "username=a&password=b")]
    [InlineData("multipart/form-data", "no boundary")]
    [InlineData("multipart/form-data; boundary=x", "no part")]
    [InlineData("application/x-www-form-urlencoded", "username=%ff%fe&password=%")]
    public async Task A_form_that_cannot_be_read_is_400(string contentType, string body)
    {
        using var client = shared.Server.CreateClient();
        using var content = new StringContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);

        using var answer = await client.PostAsync("/login", content, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private async Task<HttpResponseMessage> PostAsync(
        string username, string password, string? origin, bool isHtmx = false, string? cookie = null)
    {
        using var client = cookie is null ? shared.Server.CreateClient() : (User with { Token = cookie }).CreateBrowser(origin: null);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/login");
        request.Content = new FormUrlEncodedContent([new("username", username), new("password", password)]);
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        if (isHtmx)
        {
            request.Headers.Add("HX-Request", "true");
        }

        return await client.SendAsync(request, Cancellation);
    }
}
