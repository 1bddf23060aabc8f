using System.Net;
using System.Net.WebSockets;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests.SyncSocket;

/// <summary>Who may open a socket: CONTRACT.md, section 1, and sections 3 and 6 on what comes before the upgrade.</summary>
public sealed class SocketTokenTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_in_the_query_opens_a_socket() =>
        Assert.Equal(HttpStatusCode.SwitchingProtocols, await ConnectAsync($"/ws?access_token={one.User.Token}"));

    [Theory]
    [InlineData("/ws")]
    [InlineData("/ws?access_token=")]
    [InlineData("/ws?access_token=nonsense")]
    public async Task Without_a_valid_token_it_is_401_before_any_upgrade(string path) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await ConnectAsync(path));

    [Fact]
    public async Task The_cookie_opens_a_socket_from_the_own_page() =>
        Assert.Equal(HttpStatusCode.SwitchingProtocols, await ConnectAsync("/ws", one.User.Token, shared.Server.Origin));

    [Theory]
    [InlineData(null)]
    [InlineData("null")]
    [InlineData("https://evil.example")]
    public async Task The_cookie_with_a_missing_or_foreign_Origin_is_403(string? origin) =>
        Assert.Equal(HttpStatusCode.Forbidden, await ConnectAsync("/ws", one.User.Token, origin));

    [Fact]
    public async Task A_plain_request_is_401_without_a_token_and_426_with_one()
    {
        using var anonymous = shared.Server.CreateClient();
        using var client = one.User.CreateClient();

        using var withoutToken = await anonymous.GetAsync("/ws", Cancellation);
        using var withToken = await client.GetAsync("/ws", Cancellation);

        await withoutToken.ProblemAsync(HttpStatusCode.Unauthorized);
        await withToken.ProblemAsync(HttpStatusCode.UpgradeRequired);
    }

    private async Task<HttpStatusCode> ConnectAsync(string path, string? cookie = null, string? origin = null)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (cookie is not null)
        {
            socket.Options.SetRequestHeader("Cookie", $"{SessionCookie.Name}={cookie}");
        }

        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin);
        }

        try
        {
            await socket.ConnectAsync(new Uri($"ws://{shared.Server.Address.Authority}{path}"), Cancellation);
        }
        catch (WebSocketException)
        {
            Assert.NotEqual(WebSocketState.Open, socket.State);
        }

        return socket.HttpStatusCode;
    }
}
