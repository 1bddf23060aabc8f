namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, section 3, Server to client: who hears of what, and in which order.</summary>
public sealed class StateTests(SharedServer shared)
{
    public static TheoryData<string> Subprotocols => WireEvents.Subprotocols;

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task The_first_message_is_the_current_state(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var first = await user.ConnectAsync(subprotocol);

        var never = await first.ReceiveTimerAsync();

        Assert.Equal((0, "stopped", user.Id), (never.Version, never.Status, never.UserId));
        Assert.Null(never.Id);
        Assert.Null(never.StartedAt);
        Assert.Null(never.StoppedAt);

        var run = Guid.NewGuid();
        await first.StartAsync(run);
        var started = await first.ReceiveTimerAsync();
        await using var second = await user.ConnectAsync(subprotocol);

        var now = await second.ReceiveTimerAsync();

        Assert.Equal(started, now with { ServerTime = started.ServerTime });
        Assert.Equal((1, "running", run.ToString()), (now.Version, now.Status, now.Id));
        Assert.Equal((string?)(await user.GetTimerAsync())["epoch"], now.Epoch);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_change_reaches_every_connection_of_that_user_and_nobody_else(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var other = await TestUser.SignUpAsync(shared.Server);
        var again = await user.LogInAgainAsync();
        await using var sender = await user.OpenAsync(subprotocol);
        await using var json = await user.OpenAsync(SocketClient.Json);
        await using var html = await again.OpenAsync(SocketClient.Html);
        await using var stranger = await other.OpenAsync(subprotocol);
        var run = Guid.NewGuid();

        await sender.StartAsync(run);
        await AssertAllReceiveAsync("running", 1);
        await html.StopAsync(run);
        await AssertAllReceiveAsync("stopped", 2);

        await stranger.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(0, (long?)(await other.GetTimerAsync())["version"]);

        async Task AssertAllReceiveAsync(string status, long version)
        {
            var events = new List<WireEvent>();
            foreach (var client in new[] { sender, json, html })
            {
                events.Add(await client.ReceiveTimerAsync());
            }

            Assert.All(events, one => Assert.Equal(events[0], one)); // the same, to the millisecond, in both subprotocols
            Assert.Equal((status, version, run.ToString(), user.Id), (events[0].Status, events[0].Version, events[0].Id, events[0].UserId));
            Assert.Equal(status == "stopped", events[0].StoppedAt is not null);
        }
    }

    /// <summary>The plainest client that section 3 allows: no subprotocol, no times but its own, the token wherever.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_plain_client_needs_no_subprotocol_and_may_carry_its_token_in_the_address(bool isInAddress)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await SocketClient.ConnectAsync(
            shared.Server,
            options =>
            {
                if (!isInAddress)
                {
                    options.SetRequestHeader("Authorization", $"Bearer {user.Token}");
                }
            },
            isInAddress ? $"?access_token={user.Token}" : "");
        Assert.Null(client.Socket.SubProtocol);
        Assert.Equal(0, (await client.ReceiveTimerAsync()).Version);
        var run = Guid.NewGuid();
        var startedAt = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 5);

        await client.SendTextAsync($$"""{"action":"timer_start","id":"{{run}}","started_at":"{{startedAt:yyyy-MM-dd'T'HH:mm:ss'Z'}}"}""");
        var started = await client.ReceiveTimerAsync();
        await client.SendTextAsync($$"""{"action":"timer_stop","id":"{{run}}","user_id":"{{user.Id}}"}""");
        var stopped = await client.ReceiveTimerAsync();

        Assert.Equal((run.ToString(), "running", startedAt, null, 1), (started.Id, started.Status, started.StartedAt, started.StoppedAt, started.Version));
        Assert.Equal((run.ToString(), "stopped", startedAt, 2), (stopped.Id, stopped.Status, stopped.StartedAt, stopped.Version));
        Assert.InRange(stopped.StoppedAt!.Value, startedAt.AddSeconds(5), stopped.ServerTime);
    }

    [Fact]
    public async Task Every_connection_sees_versions_grow_until_the_newest_whoever_presses()
    {
        const int Clients = 4;
        const int Commands = 20;
        var user = await TestUser.SignUpAsync(shared.Server);
        var clients = new List<SocketClient>();
        for (var i = 0; i < Clients; i++)
        {
            clients.Add(await user.OpenAsync(i % 2 == 0 ? SocketClient.Json : SocketClient.Html));
        }

        var receiving = clients.ConvertAll(ReadToAsync);
        await Task.WhenAll(clients.Select(async client =>
        {
            for (var i = 0; i < Commands; i++)
            {
                await client.StartAsync(Guid.NewGuid());
            }
        }));

        var seen = await Task.WhenAll(receiving);
        Assert.All(seen, events => Assert.Equal(events[^1], seen[0][^1]));
        foreach (var events in seen)
        {
            Assert.All(events.Zip(events.Skip(1)), pair => Assert.True(pair.First.Version < pair.Second.Version));
            // The same version is the same state, on whichever connection.
            Assert.All(events, one => Assert.All(seen.SelectMany(all => all).Where(other => other.Version == one.Version), other => Assert.Equal(one, other)));
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        static async Task<List<WireEvent>> ReadToAsync(SocketClient client)
        {
            var events = new List<WireEvent>();
            do
            {
                events.Add(await client.ReceiveTimerAsync());
            }
            while (events[^1].Version < Clients * Commands);

            return events;
        }
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Answers_and_events_keep_the_order_of_what_caused_them(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync(subprotocol);
        var run = Guid.NewGuid();
        var unknown = Guid.NewGuid();

        // All at once, before the first answer is read.
        await client.StartAsync(run);
        await client.SendAsync(new { action = "ping", sent_at = 1 });
        await client.StopAsync(unknown);
        await client.StartAsync(run);
        await client.SendTextAsync("nonsense");
        await client.StopAsync(run);
        await client.SendAsync(new { action = "ping", sent_at = 2 });

        Assert.Equal(("running", 1), StateOf(await client.ReceiveTimerAsync()));
        Assert.Equal("1", (await client.ReceiveEventAsync()).SentAt);
        Assert.Equal(unknown.ToString(), (await client.ReceiveErrorAsync("unknown_timer")).Id);
        Assert.Equal(("running", 1), StateOf(await client.ReceiveTimerAsync())); // the repeat's answer
        await client.ReceiveErrorAsync("bad_request");
        Assert.Equal(("stopped", 2), StateOf(await client.ReceiveTimerAsync()));
        Assert.Equal("2", (await client.ReceiveEventAsync()).SentAt);

        static (string?, long) StateOf(WireEvent timer) => (timer.Status, timer.Version);
    }

    [Fact]
    public async Task What_a_client_was_told_is_what_anybody_reads_from_then_on()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        for (var i = 1; i <= 10; i++)
        {
            await client.StartAsync(Guid.NewGuid());
            var told = await client.ReceiveTimerAsync();

            var read = await user.GetTimerAsync();

            Assert.Equal((i, told.Id), ((long)read["version"]!, (string?)read["id"]));
        }
    }

    [Theory]
    [InlineData("1757967300123", "1757967300123")]
    [InlineData("0", "0")]
    [InlineData("-7", "-7")]
    [InlineData("1757967300123.250", "1757967300123.250")]
    [InlineData("1.5E+3", "1.5E+3")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890")]
    [InlineData("null", null)]
    [InlineData(null, null)]
    public async Task Ping_echoes_its_number_as_it_was_sent_beside_the_servers_time(string? sent, string? echoed)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        foreach (var subprotocol in new[] { SocketClient.Json, SocketClient.Html })
        {
            await using var client = await user.OpenAsync(subprotocol);
            var before = DateTimeOffset.UtcNow.AddMilliseconds(-1); // the server's time is cut to milliseconds

            await client.SendTextAsync(sent is null ? """{"action":"ping"}""" : $$"""{"action":"ping","sent_at":{{sent}}}""");
            var text = await client.ReceiveTextAsync();

            var pong = subprotocol == SocketClient.Html ? WireEvent.FromHtml(text) : WireEvent.FromJson(text);
            Assert.Equal(echoed, pong.SentAt);
            Assert.InRange(pong.ServerTime, before, DateTimeOffset.UtcNow);
        }
    }
}
