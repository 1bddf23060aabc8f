using System.Diagnostics;
using System.Net.WebSockets;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, sections 3, 5 and 6: rates, floods, and connections per user, on a server with low limits.</summary>
public sealed class LimitTests(LimitTests.LowLimits low) : IClassFixture<LimitTests.LowLimits>
{
    private const int ConnectionsPerUser = 3;
    private const int PerSecond = 1;
    private const int Burst = 6;

    public static TheoryData<string> Subprotocols => WireEvents.Subprotocols;

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Above_the_rate_it_is_rate_limited_and_if_that_goes_on_4429(string subprotocol)
    {
        const int Sent = 60;
        var user = await TestUser.SignUpAsync(low.Server);
        await using var other = await user.OpenAsync();
        await using var client = await user.OpenAsync(subprotocol);
        var clock = Stopwatch.StartNew();
        try
        {
            for (var i = 0; i < Sent; i++)
            {
                await client.SendAsync(new { action = "ping", sent_at = i });
            }
        }
        catch (WebSocketException)
        {
            // closed meanwhile
        }

        var answers = new List<WireEvent>();
        var closed = await Assert.ThrowsAsync<SocketClosedException>(async () =>
        {
            while (true)
            {
                answers.Add(await client.ReceiveEventAsync());
            }
        });

        Assert.Equal(4429, closed.Code);
        Assert.All(answers.Take(Burst), one => Assert.Equal(WireEvent.Pong, one.Name));
        var refilled = (int)Math.Ceiling(clock.Elapsed.TotalSeconds) * PerSecond;
        Assert.InRange(answers.Count(one => one.Name == WireEvent.Pong), 0, Burst + refilled);
        Assert.InRange(answers.Count(one => one.Name == WireEvent.Error), 0, Burst + refilled);
        Assert.All(answers.Where(one => one.Name == WireEvent.Error), one => Assert.Equal(("rate_limited", "ping"), (one.Code, one.Action)));
        await other.AssertNothingArrivesBeforePongAsync(); // its own rate, its own connection
    }

    [Fact]
    public async Task A_command_above_the_rate_changes_nothing_and_later_the_connection_is_as_good_as_before()
    {
        var user = await TestUser.SignUpAsync(low.Server);
        await using var other = await user.OpenAsync();
        await using var client = await user.OpenAsync();
        var clock = Stopwatch.StartNew();
        var run = Guid.NewGuid();
        for (var i = 0; i < Burst + 1; i++)
        {
            await client.SendAsync(new { action = "ping", sent_at = i });
        }

        await client.StartAsync(run);
        for (var i = 0; i < Burst; i++)
        {
            Assert.Equal(WireEvent.Pong, (await client.ReceiveEventAsync()).Name); // ping counts too
        }

        var last = await client.ReceiveEventAsync();
        var refused = await client.ReceiveEventAsync();
        Assert.SkipWhen(clock.Elapsed.TotalSeconds * PerSecond >= 1, "The machine was so slow that the bucket filled again.");
        Assert.Equal(("rate_limited", "ping"), (last.Code, last.Action));
        Assert.Equal(("rate_limited", "timer_start", run.ToString()), (refused.Code, refused.Action, refused.Id));
        await other.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);

        await Task.Delay(TimeSpan.FromSeconds(1.1 / PerSecond), TestContext.Current.CancellationToken); // what is waited for is time itself
        await client.StartAsync(run);
        Assert.Equal(run.ToString(), (await client.ReceiveTimerAsync()).Id);
    }

    [Fact]
    public async Task The_connection_that_is_one_too_many_is_closed_with_4429_and_the_others_stay()
    {
        var user = await TestUser.SignUpAsync(low.Server);
        var again = await user.LogInAgainAsync();
        var stranger = await TestUser.SignUpAsync(low.Server);
        var clients = new List<SocketClient>();
        for (var i = 0; i < ConnectionsPerUser; i++)
        {
            clients.Add(await (i == 0 ? again : user).OpenAsync());
        }

        await using var tooMany = await user.ConnectAsync();
        Assert.Equal(4429, (await Assert.ThrowsAsync<SocketClosedException>(tooMany.ReceiveTextAsync)).Code); // nothing before it
        await using var strangers = await stranger.OpenAsync();

        await clients[0].StartAsync(Guid.NewGuid());
        foreach (var client in clients)
        {
            Assert.Equal(1, (await client.ReceiveTimerAsync()).Version);
        }

        // A place that is free again can be taken.
        await clients[0].Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", TestContext.Current.CancellationToken);
        await using var next = await ConnectWhenFreeAsync(user);
        Assert.Equal(1, next.Version);

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    /// <summary>Broken once: the server went on handling what a closed connection sent until its peer had closed too.</summary>
    [Fact]
    public async Task A_connection_that_was_refused_or_closed_can_change_nothing()
    {
        var user = await TestUser.SignUpAsync(low.Server);
        await using var other = await user.OpenAsync();
        await using var second = await user.OpenAsync();
        await using var third = await user.OpenAsync();
        await using var peer = await RawPeer.ConnectAsync(user);
        Assert.Equal(4429, await peer.ReceiveCloseAsync());

        await peer.SendTextAsync($$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}"}""");
        await peer.SendCloseAsync(1000);
        await peer.ReceiveEndAsync();

        await other.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);
    }

    /// <summary>The peer's own close may be on its way to the server for a moment.</summary>
    private static async Task<Opened> ConnectWhenFreeAsync(TestUser user)
    {
        while (true)
        {
            var client = await user.ConnectAsync();
            try
            {
                return new Opened(client, (await client.ReceiveTimerAsync()).Version);
            }
            catch (SocketClosedException closed) when (closed.Code == 4429)
            {
                await client.DisposeAsync();
                TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    private sealed record Opened(SocketClient Client, long Version) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Client.DisposeAsync();
    }

    /// <summary>A server whose limits are soon reached.</summary>
    public sealed class LowLimits : IAsyncLifetime
    {
        public TimerSyncServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await TimerSyncServer.StartAsync(
            ("Socket:ConnectionsPerUser", $"{ConnectionsPerUser}"), ("Socket:CommandsPerSecond", $"{PerSecond}"), ("Socket:CommandBurst", $"{Burst}"));

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}

/// <summary>CONTRACT.md, section 5: the limits that a server has when nobody sets any.</summary>
public sealed class DefaultLimitTests(SharedServer shared)
{
    private const int ConnectionsPerUser = 50;
    private const int Burst = 60;

    [Fact]
    public async Task Sixty_messages_at_once_are_fine()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        for (var i = 0; i < Burst; i++)
        {
            await client.SendAsync(new { action = "ping", sent_at = i });
        }

        for (var i = 0; i < Burst; i++)
        {
            Assert.Equal($"{i}", (await client.ReceiveEventAsync()).SentAt);
        }
    }

    [Fact]
    public async Task A_flood_is_closed_with_4429_and_hurts_nobody_else()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var other = await user.OpenAsync();
        await using var client = await user.OpenAsync();
        var flood = Task.Run(async () =>
        {
            while (client.Socket.State == WebSocketState.Open)
            {
                await client.SendAsync(new { action = "ping" });
            }
        }, TestContext.Current.CancellationToken);

        Assert.Equal(4429, await client.ReceiveCloseAsync());
        await other.AssertNothingArrivesBeforePongAsync();
        await Task.WhenAny(flood); // ends with the socket, well or not
    }

    [Fact]
    public async Task The_51st_connection_of_a_user_is_closed_with_4429()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var clients = await Task.WhenAll(Enumerable.Range(0, ConnectionsPerUser).Select(_ => user.OpenAsync()));

        await using var tooMany = await user.ConnectAsync();
        Assert.Equal(4429, await tooMany.ReceiveCloseAsync());

        await clients[0].StartAsync(Guid.NewGuid());
        foreach (var client in clients)
        {
            Assert.Equal(1, (await client.ReceiveTimerAsync()).Version);
            await client.DisposeAsync();
        }
    }
}
