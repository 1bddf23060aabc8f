using System.Net;

namespace TimerSync.Tests.Infrastructure.Web;

/// <summary>Errors are <c>application/problem+json</c> (RFC 9457), and every answer carries the security headers.</summary>
public sealed class RoutesTests(SharedUser one) : IClassFixture<SharedUser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/nothing")]
    [InlineData("POST", "/timers/1")]
    [InlineData("POST", "/nothing")]
    [InlineData("GET", "/login.html")]
    [InlineData("GET", "/..%2fappsettings.json")]
    [InlineData("GET", "/appsettings.json")]
    [InlineData("GET", "/openapi")]
    public async Task An_unknown_route_is_404(string method, string path) =>
        await (await SendAsync(method, path)).ProblemAsync(HttpStatusCode.NotFound);

    [Theory]
    [InlineData("PUT", "/timers")]
    [InlineData("DELETE", "/timers")]
    [InlineData("PUT", "/login")]
    [InlineData("GET", "/login")]
    [InlineData("GET", "/logout")]
    [InlineData("POST", "/")]
    public async Task A_wrong_method_is_405(string method, string path)
    {
        var answer = await SendAsync(method, path);

        await answer.ProblemAsync(HttpStatusCode.MethodNotAllowed);
        Assert.NotEmpty(answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("GET", "/timers")]
    [InlineData("GET", "/app.css")]
    [InlineData("GET", "/nothing")]
    [InlineData("PUT", "/timers")]
    [InlineData("POST", "/timers")] // an empty body
    [InlineData("POST", "/login")]
    [InlineData("GET", "/ws")]
    [InlineData("GET", "/healthz")]
    public async Task Every_answer_has_the_security_headers(string method, string path)
    {
        var answer = await SendAsync(method, path);

        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        Assert.Equal("same-origin", answer.Header("Referrer-Policy"));
        Assert.Contains("default-src 'none'", answer.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Server"));
    }

    /// <summary>What a browser keeps open of a page's loading would be dead after a change of networks; see PageConnections.</summary>
    [Theory]
    [InlineData("/", true)]
    [InlineData("/app.css", true)]
    [InlineData("/app.js", true)]
    [InlineData("/timers", false)]
    public async Task The_connection_of_a_page_ends_with_its_answer_and_that_of_a_program_does_not(string path, bool ends)
    {
        var answer = await SendAsync("GET", path);

        Assert.Equal(ends, answer.Headers.ConnectionClose == true);
    }

    /// <summary>Broken once: a proxy that sets this header for every request left the page without its policy.</summary>
    [Fact]
    public async Task A_page_that_is_asked_for_as_if_it_were_a_socket_has_the_security_headers()
    {
        using var client = one.User.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Connection", "Upgrade" }, { "Upgrade", "websocket" } } };

        using var answer = await client.SendAsync(request, Cancellation);

        Assert.Contains("default-src 'none'", answer.Header("Content-Security-Policy"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_that_ends_in_the_exception_handler_has_the_security_headers_too()
    {
        using var client = one.User.CreateClient();

        using var answer = await client.PostAsync("/login", new StringContent(new string(' ', 100 * 1024), mediaType: new("application/json")), Cancellation);

        await answer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string path)
    {
        using var client = one.User.CreateClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        return await client.SendAsync(request, Cancellation);
    }
}
