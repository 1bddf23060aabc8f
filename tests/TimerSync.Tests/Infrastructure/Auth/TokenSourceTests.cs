using System.Net;
using System.Net.WebSockets;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests.Infrastructure.Auth;

/// <summary>Where a token may be (CONTRACT.md, section 1), and that the first place that has one decides (section 6).</summary>
public sealed class TokenSourceTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Token { get; } = one.User.Token;

    [Theory]
    [InlineData("Bearer")]
    [InlineData("bearer")] // schemes have no case (RFC 9110, section 11.1)
    public async Task The_Authorization_header_is_accepted(string scheme) =>
        Assert.Equal(HttpStatusCode.OK, await GetTimersAsync($"{scheme} {Token}", cookie: null));

    [Fact]
    public async Task The_session_cookie_is_accepted() => Assert.Equal(HttpStatusCode.OK, await GetTimersAsync(authorization: null, Token));

    [Fact]
    public async Task No_token_is_401_with_a_challenge()
    {
        using var client = shared.Server.CreateClient();

        using var answer = await client.GetAsync("/timers", Cancellation);

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
        Assert.StartsWith("Bearer", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Bearer nonsense")]
    [InlineData("Bearer ")]
    [InlineData("Basic dXNlcjpwYXNzd29yZA==")]
    [InlineData("nonsense")]
    public async Task A_bad_Authorization_header_is_401_even_beside_a_good_cookie(string authorization) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await GetTimersAsync(authorization, Token));

    [Fact]
    public async Task A_good_Authorization_header_is_accepted_beside_a_bad_cookie() =>
        Assert.Equal(HttpStatusCode.OK, await GetTimersAsync($"Bearer {Token}", "nonsense"));

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task A_bad_cookie_is_401(string cookie) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await GetTimersAsync(authorization: null, cookie));

    [Fact]
    public async Task A_token_in_the_query_is_refused_on_timers()
    {
        using var client = shared.Server.CreateClient();

        using var get = await client.GetAsync($"/timers?access_token={Token}", Cancellation);
        using var post = await client.PostAsync($"/timers?access_token={Token}", content: null, Cancellation);

        await get.ProblemAsync(HttpStatusCode.Unauthorized);
        await post.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_bad_cookie_is_401_on_the_socket_even_beside_a_good_token_in_the_query()
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Cookie", $"{SessionCookie.Name}=nonsense");

        await Assert.ThrowsAsync<WebSocketException>(() =>
            socket.ConnectAsync(new Uri($"ws://{shared.Server.Address.Authority}/ws?access_token={Token}"), Cancellation));

        Assert.Equal(HttpStatusCode.Unauthorized, socket.HttpStatusCode);
    }

    private async Task<HttpStatusCode> GetTimersAsync(string? authorization, string? cookie)
    {
        using var client = shared.Server.CreateClient();
        if (authorization is not null)
        {
            Assert.True(client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization));
        }

        if (cookie is not null)
        {
            client.DefaultRequestHeaders.Add("Cookie", $"{SessionCookie.Name}={cookie}");
        }

        using var answer = await client.GetAsync("/timers", Cancellation);
        return answer.StatusCode;
    }
}
