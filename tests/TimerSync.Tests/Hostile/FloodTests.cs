using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace TimerSync.Tests.Hostile;

/// <summary>
/// One who wants too much is told so, and the others go on as before. Latencies are printed, not asserted, beyond what
/// would be a fault on any machine.
/// </summary>
public sealed class FloodTests
{
    /// <summary>As many as a connection may send at once.</summary>
    private const int Commands = 50;

    private static readonly TimeSpan LatencyMax = TimeSpan.FromSeconds(2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_flood_is_refused_then_closed_and_others_go_on()
    {
        await using var server = await TimerSyncServer.StartAsync(("Socket:CommandsPerSecond", "20"), ("Socket:CommandBurst", "60"));
        var (attacker, other) = (await TestUser.SignUpAsync(server), await SteadyUser.SignUpAsync(server));
        var before = await other.MeasureAsync(Commands);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var codes = new ConcurrentBag<int>();

        var flood = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => FloodAsync(attacker, codes, ended.Token)));
        var during = await other.MeasureAsync(Commands);
        await ended.CancelAsync();
        await flood;

        Print("flood", before, during);
        Assert.Contains(4429, codes);
        Assert.All(codes, code => Assert.Contains(code, new[] { 4429, FrameClient.Cut }));
        Assert.True(during < LatencyMax);
    }

    [Fact]
    public async Task Peers_that_go_while_their_token_is_checked_are_no_errors_of_the_server()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var user = await TestUser.SignUpAsync(server);
        var request = Encoding.ASCII.GetBytes($"GET /timers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.Token}\r\n\r\n");

        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            for (var i = 0; i < 300; i++)
            {
                await using var peer = await FrameClient.ConnectAsync(server);
                await peer.SendAsync(request);
                peer.Abort();
            }
        }));
        var exitCode = await server.StopAsync();

        Assert.Equal(0, exitCode);
        Assert.DoesNotContain(server.Log, line => line.StartsWith("fail:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Hundreds_of_half_sent_requests_hinder_neither_others_nor_the_shutdown()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var other = await SteadyUser.SignUpAsync(server);
        var before = await other.MeasureAsync(Commands);
        var slow = new List<FrameClient>();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                var client = await FrameClient.ConnectAsync(server);
                slow.Add(client);
                await client.SendAsync(Encoding.ASCII.GetBytes(i % 2 == 0
                    ? "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websoc"
                    : "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"user"));
            }

            var during = await other.MeasureAsync(Commands);
            var since = Stopwatch.GetTimestamp();
            Assert.Equal(0, await server.StopAsync());

            Print("half-sent requests", before, during);
            Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, TimeSpan.FromSeconds(9)); // the host gives up after 10
            Assert.True(during < LatencyMax);
        }
        finally
        {
            foreach (var client in slow)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Of_a_thousand_sockets_of_one_user_fifty_stay_and_the_others_get_4429()
    {
        await using var server = await TimerSyncServer.StartAsync();
        var (attacker, other) = (await TestUser.SignUpAsync(server), await SteadyUser.SignUpAsync(server));
        var clients = new List<FrameClient>();
        try
        {
            for (var i = 0; i < 1000; i++)
            {
                // One is let in or refused after its handshake, and could be overtaken by the next one.
                clients.Add(await FrameClient.OpenAsync(attacker, i % 2 == 0 ? SocketClient.Json : SocketClient.Html));
                var first = await clients[i].ReceiveAsync();
                Assert.Equal(i < 50 ? Frame.Text : Frame.Close, first?.Opcode);
                Assert.True(i < 50 || (first!.Payload[0] << 8 | first.Payload[1]) == 4429);
            }

            Assert.True(await other.MeasureAsync(Commands) < LatencyMax);
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Readers_that_do_not_read_cost_neither_memory_nor_the_time_of_others_and_get_the_newest_in_the_end()
    {
        const int MemoryGrowthMaxMegabytes = 150;
        await using var server = await TimerSyncServer.StartAsync(("Socket:CommandsPerSecond", "100000"), ("Socket:CommandBurst", "100000"));
        var (user, other) = (await TestUser.SignUpAsync(server), await SteadyUser.SignUpAsync(server));
        await using var fast = await user.ConnectAsync();
        await fast.ReceiveAsync("timer_updated");
        var slow = new List<FrameClient>();
        try
        {
            for (var i = 0; i < 45; i++)
            {
                slow.Add(await FrameClient.OpenAsync(user, i % 2 == 0 ? SocketClient.Json : SocketClient.Html, receiveBufferBytes: 2048));
            }

            var before = await other.MeasureAsync(Commands);
            var memoryBefore = MemoryMegabytes(server);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var pressing = PressAsync(fast, ended.Token);
            var during = await other.MeasureAsync(Commands);
            await Task.Delay(TimeSpan.FromSeconds(2), Cancellation); // as long as it takes to fill what the system buffers
            await ended.CancelAsync();
            var version = await pressing;
            var memoryAfter = MemoryMegabytes(server);

            Print($"{slow.Count} slow readers, {version} changes", before, during);
            TestContext.Current.TestOutputHelper!.WriteLine($"memory {memoryBefore} MB before, {memoryAfter} MB after");
            Assert.InRange(memoryAfter, 0, memoryBefore + MemoryGrowthMaxMegabytes);
            Assert.True(during < LatencyMax);
            foreach (var one in slow)
            {
                Assert.NotNull(await one.ReceiveTextAsync(text =>
                    text.Contains($"\"version\":{version},", StringComparison.Ordinal) || text.Contains($"data-version=\"{version}\"", StringComparison.Ordinal)));
            }
        }
        finally
        {
            foreach (var one in slow)
            {
                await one.DisposeAsync();
            }
        }
    }

    /// <summary>Pings as fast as the network takes them, on one connection after the other.</summary>
    private static async Task FloodAsync(TestUser attacker, ConcurrentBag<int> codes, CancellationToken ended)
    {
        var ping = Enumerable.Repeat(Frame.OfText("""{"action":"ping"}""").ToBytes(), 100).SelectMany(one => one).ToArray();
        while (!ended.IsCancellationRequested)
        {
            await using var client = await FrameClient.OpenAsync(attacker, SocketClient.Json);
            var closed = client.ReceiveCloseAsync();
            while (!closed.IsCompleted && await client.TrySendAsync(ping))
            {
            }

            codes.Add(await closed);
        }
    }

    /// <returns>The last version.</returns>
    private static async Task<long> PressAsync(SocketClient client, CancellationToken ended)
    {
        long version = 0;
        while (!ended.IsCancellationRequested)
        {
            var ids = Enumerable.Range(0, 50).Select(_ => Guid.NewGuid()).ToList();
            foreach (var id in ids)
            {
                await client.StartAsync(id);
            }

            for (var i = 0; i < ids.Count; i++)
            {
                version = (long)(await client.ReceiveAsync("timer_updated"))["version"]!;
            }
        }

        return version;
    }

    private static long MemoryMegabytes(TimerSyncServer server)
    {
        using var process = Process.GetProcessById(server.ProcessId);
        return process.WorkingSet64 / 1024 / 1024;
    }

    private static void Print(string what, TimeSpan before, TimeSpan during) => TestContext.Current.TestOutputHelper!.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{what}: another user's command takes {during.TotalMilliseconds:F2} ms (median), {before.TotalMilliseconds:F2} ms before: {during / before:F2} times"));

    /// <summary>Somebody else, at work.</summary>
    private sealed class SteadyUser(TestUser user)
    {
        public static async Task<SteadyUser> SignUpAsync(TimerSyncServer server) => new(await TestUser.SignUpAsync(server));

        /// <returns>The median time from a press to its event.</returns>
        public async Task<TimeSpan> MeasureAsync(int commands)
        {
            await using var client = await user.ConnectAsync();
            await client.ReceiveAsync("timer_updated");
            var times = new List<TimeSpan>();
            for (var i = 0; i < commands; i++)
            {
                var since = Stopwatch.GetTimestamp();
                await client.StartAsync(Guid.NewGuid());
                await client.ReceiveAsync("timer_updated");
                times.Add(Stopwatch.GetElapsedTime(since));
                await Task.Delay(TimeSpan.FromMilliseconds(10), Cancellation);
            }

            times.Sort();
            return times[times.Count / 2];
        }
    }
}
