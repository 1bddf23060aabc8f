using System.Diagnostics;
using System.Net.WebSockets;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, section 3, Closing: a token that ends.</summary>
public sealed class ClosingTests(SharedServer shared)
{
    private static readonly TimeSpan Leeway = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_socket_closes_with_4401_when_its_token_expires()
    {
        var lifetime = TimeSpan.FromSeconds(3);
        await using var server = await TimerSyncServer.StartAsync(("Jwt:Lifetime", lifetime.ToString()));
        var name = $"user-{Guid.NewGuid():N}";
        await TestUser.LogInAsync(server, name, TestUser.AnyPassword); // the account, so that the login below is quick
        var clock = Stopwatch.StartNew();
        var user = await TestUser.LogInAsync(server, name, TestUser.AnyPassword);
        await using var json = await user.OpenAsync(SocketClient.Json);
        await using var html = await user.OpenAsync(SocketClient.Html);
        await using var later = await (await user.LogInAgainAsync()).OpenAsync();

        Assert.Equal([4401, 4401], await Task.WhenAll(json.ReceiveCloseAsync(), html.ReceiveCloseAsync()));

        Assert.InRange(clock.Elapsed, lifetime, lifetime + Leeway);
        var refused = await Assert.ThrowsAsync<UpgradeRefusedException>(() => user.ConnectAsync());
        Assert.Equal(401, refused.Status);
        Assert.Equal(4401, await later.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Logging_out_closes_every_socket_of_that_token_with_4401_and_no_other()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var again = await user.LogInAgainAsync();
        await using var first = await user.OpenAsync(SocketClient.Json);
        await using var second = await user.OpenAsync(SocketClient.Html);
        await using var other = await again.OpenAsync();
        using var client = user.CreateClient();

        using var answer = await client.PostAsync("/logout", content: null, TestContext.Current.CancellationToken);

        answer.EnsureSuccessStatusCode();
        Assert.Equal(4401, await first.ReceiveCloseAsync());
        Assert.Equal(4401, await second.ReceiveCloseAsync());
        await other.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(401, (await Assert.ThrowsAsync<UpgradeRefusedException>(() => user.ConnectAsync())).Status);
    }

    [Fact]
    public async Task A_revoked_token_can_change_nothing_even_on_a_socket_that_its_client_keeps_open()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var again = await user.LogInAgainAsync();
        await using var other = await again.OpenAsync();
        await using var peer = await RawPeer.ConnectAsync(user);
        await peer.ReceiveEventAsync();
        using var client = user.CreateClient();
        using var answer = await client.PostAsync("/logout", content: null, TestContext.Current.CancellationToken);
        Assert.Equal(4401, await peer.ReceiveCloseAsync());

        await peer.SendTextAsync($$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}"}""");
        await peer.SendCloseAsync(4401);
        await peer.ReceiveEndAsync();

        await other.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(0, (long?)(await again.GetTimerAsync())["version"]);
    }

    [Fact]
    public async Task A_client_that_closes_is_answered_with_a_close()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();

        await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", TestContext.Current.CancellationToken);

        Assert.Equal((WebSocketState.Closed, WebSocketCloseStatus.NormalClosure), (client.Socket.State, client.Socket.CloseStatus));
    }
}

/// <summary>CONTRACT.md, section 3, Closing: the server goes down.</summary>
public sealed class ShutdownTests
{
    private const int Users = 3;

    /// <summary>Until the host gives up: whoever waits for a peer takes at least so long.</summary>
    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task SIGTERM_closes_every_socket_with_1012_and_the_process_ends_well_at_once()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var clients = new List<SocketClient>();
        for (var i = 0; i < Users; i++)
        {
            var user = await TestUser.SignUpAsync(server);
            clients.Add(await user.OpenAsync(SocketClient.Json));
            clients.Add(await user.OpenAsync(SocketClient.Html));
        }

        var closing = clients.ConvertAll(async client =>
        {
            var code = await client.ReceiveCloseAsync();
            await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", TestContext.Current.CancellationToken);
            return code;
        });
        var clock = Stopwatch.StartNew();
        var exitCode = await server.StopAsync();

        Assert.Equal(0, exitCode);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, ShutdownMax);
        Assert.All(await Task.WhenAll(closing), code => Assert.Equal(1012, code));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_peer_that_does_not_close_in_turn_cannot_keep_the_server_up()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var user = await TestUser.SignUpAsync(server);
        await using var peer = await RawPeer.ConnectAsync(user);
        await peer.ReceiveEventAsync();

        var clock = Stopwatch.StartNew();
        var exitCode = await server.StopAsync();

        Assert.Equal(0, exitCode);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, ShutdownMax);
        Assert.Equal(1012, await peer.ReceiveCloseAsync());
    }
}
