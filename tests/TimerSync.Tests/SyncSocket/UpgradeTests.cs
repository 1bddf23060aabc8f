using System.Net;
using System.Net.WebSockets;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, sections 1, 3 and 6: what has to be right before there is a socket.</summary>
public sealed class UpgradeTests(SharedServer shared)
{
    private const string Cookie = "timersync_session";

    private string OwnOrigin => shared.Server.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task Without_a_valid_token_it_is_401_before_any_upgrade()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        foreach (var authorization in new[] { null, "Bearer nonsense", "Bearer ", $"Bearer {user.Token}x", $"Basic {user.Token}", user.Token })
        {
            Assert.Equal(401, await RefusedAsync(options =>
            {
                if (authorization is not null)
                {
                    options.SetRequestHeader("Authorization", authorization);
                }
            }));
        }

        Assert.Equal(401, await RefusedAsync(_ => { }, "?access_token=nonsense"));
        Assert.Equal(401, await RefusedAsync(_ => { }, "?access_token="));
        // The first source that is present decides.
        Assert.Equal(401, await RefusedAsync(options => options.SetRequestHeader("Authorization", "Bearer nonsense"), $"?access_token={user.Token}"));
        Assert.Equal(401, await RefusedAsync(options => options.SetRequestHeader("Cookie", $"{Cookie}=nonsense"), $"?access_token={user.Token}"));
    }

    [Fact]
    public async Task A_plain_request_is_401_without_a_token_and_426_with_one()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        using var stranger = shared.Server.CreateClient();
        using var client = user.CreateClient();

        using var unauthorized = await stranger.GetAsync("/ws", TestContext.Current.CancellationToken);
        using var plain = await client.GetAsync("/ws", TestContext.Current.CancellationToken);
        using var byQuery = await stranger.GetAsync($"/ws?access_token={user.Token}", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, unauthorized.StatusCode);
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
        Assert.Equal(HttpStatusCode.UpgradeRequired, byQuery.StatusCode);
        Assert.Equal("websocket", plain.Headers.Upgrade.ToString());
        Assert.Equal("application/problem+json", plain.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task A_browsers_cookie_opens_a_socket_from_the_servers_own_page_only()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        foreach (var origin in new[] { null, "null", "https://evil.example", $"{OwnOrigin}0", $"{OwnOrigin}/", OwnOrigin.Replace("http:", "https:", StringComparison.Ordinal) })
        {
            Assert.Equal(403, await RefusedAsync(options => WithCookie(options, origin)));
        }

        await using var client = await SocketClient.ConnectAsync(shared.Server, options => WithCookie(options, OwnOrigin));
        Assert.Equal(user.Id, (await client.ReceiveTimerAsync()).UserId);

        void WithCookie(ClientWebSocketOptions options, string? origin)
        {
            options.SetRequestHeader("Cookie", $"{Cookie}={user.Token}");
            if (origin is not null)
            {
                options.SetRequestHeader("Origin", origin);
            }
        }
    }

    [Fact]
    public async Task A_token_in_the_header_needs_no_Origin_and_goes_before_a_cookie()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await SocketClient.ConnectAsync(shared.Server, options =>
        {
            options.SetRequestHeader("Authorization", $"Bearer {user.Token}");
            options.SetRequestHeader("Cookie", $"{Cookie}=nonsense");
            options.SetRequestHeader("Origin", "https://elsewhere.example");
        });
        Assert.Equal(user.Id, (await client.ReceiveTimerAsync()).UserId);
    }

    [Theory]
    [InlineData(new string[0], null)]
    [InlineData(new[] { SocketClient.Json }, SocketClient.Json)]
    [InlineData(new[] { SocketClient.Html }, SocketClient.Html)]
    [InlineData(new[] { SocketClient.Html, SocketClient.Json }, SocketClient.Html)]
    [InlineData(new[] { SocketClient.Json, SocketClient.Html }, SocketClient.Json)]
    [InlineData(new[] { "timersync.v9.json", SocketClient.Html }, SocketClient.Html)]
    [InlineData(new[] { "timersync.v9.json" }, null)]
    [InlineData(new[] { "graphql-ws", "TIMERSYNC.V1.HTML" }, null)]
    public async Task Of_several_subprotocols_the_first_known_one_is_taken_and_none_is_JSON(string[] asked, string? granted)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await SocketClient.ConnectAsync(shared.Server, options =>
        {
            options.SetRequestHeader("Authorization", $"Bearer {user.Token}");
            foreach (var subprotocol in asked)
            {
                options.AddSubProtocol(subprotocol);
            }
        });

        Assert.Equal(granted, client.Socket.SubProtocol);
        Assert.Equal(0, (await client.ReceiveTimerAsync()).Version); // read as what was granted
        var run = Guid.NewGuid();
        await client.StartAsync(run);
        Assert.Equal(run.ToString(), (await client.ReceiveTimerAsync()).Id);
        await client.StopAsync(Guid.NewGuid());
        await client.ReceiveErrorAsync("unknown_timer");
        await client.AssertNothingArrivesBeforePongAsync();
    }

    private async Task<int> RefusedAsync(Action<ClientWebSocketOptions> configure, string query = "") =>
        (await Assert.ThrowsAsync<UpgradeRefusedException>(() => SocketClient.ConnectAsync(shared.Server, configure, query))).Status;
}
