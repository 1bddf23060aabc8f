using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace TimerSync.Tests.Hostile;

/// <summary>
/// How much others notice of one who attacks: their latency before and during it, and the server's memory. Not a test; runs
/// when asked for: <c>dotnet test tests/TimerSync.Tests -c Release --filter FullyQualifiedName~HostileMeasurement -- xUnit.Explicit=on</c>.
/// The server has one core, everybody else the other one, so that what an attacker costs himself is not counted.
/// </summary>
public sealed class HostileMeasurement(ITestOutputHelper output)
{
    private const int Others = 10;
    private const int Rounds = 4;
    private const int AttackConnections = 4;
    private const int FramesPerTick = 5;

    private static readonly TimeSpan PressInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Phase = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(5);

    private static readonly string[] Subprotocols = [SocketClient.Json, SocketClient.Html];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task Measure()
    {
        await using var server = await TimerSyncServer.StartAsync();
        Pin(server.ProcessId, core: 0);
        Pin(Environment.ProcessId, core: 1);
        var attacker = await TestUser.SignUpAsync(server);
        var others = await Task.WhenAll(Enumerable.Range(0, Others).Select(_ => TestUser.SignUpAsync(server)));
        await PressAsync(others, TimeSpan.FromSeconds(10), PressInterval, Cancellation); // warms up

        output.WriteLine("| attack | others before, median (p99) | during | times | memory before | during, at most | afterwards |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        await AttackAsync("none", _ => Task.CompletedTask);
        await AttackAsync("4 connections send 1,000 pings/s each, and come back when they are closed", ended =>
            FloodAsync(ended, () => Frame.OfText("""{"action":"ping"}""").ToBytes()));
        await AttackAsync("4 connections send 4,096 bytes in fragments of 64, 20 times a second", ended =>
            FloodAsync(ended, Fragments, TimeSpan.FromMilliseconds(50), framesPerTick: 1));
        await AttackAsync("4 connections send 1,000 random frames/s each, and come back when they are closed", ended =>
            FloodAsync(ended, RandomFrame));
        await AttackAsync("1,000 half-sent handshakes, a byte a second each", SlowHandshakesAsync);
        await AttackAsync("one user opens 100 sockets a second and keeps them", ManySocketsAsync);
        await AttackAsync("45 sockets of one user never read; he presses 20 times a second", SlowReadersAsync);

        async Task AttackAsync(string what, Func<CancellationToken, Task> attack)
        {
            List<double> before = [], during = [];
            var (memoryBefore, memoryMost) = (Megabytes(server), 0L);
            for (var round = 0; round < Rounds; round++)
            {
                before.AddRange(await PressAsync(others, Phase, PressInterval, Cancellation));
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
                var attacking = attack(ended.Token);
                await Task.Delay(TimeSpan.FromMilliseconds(500), Cancellation);
                during.AddRange(await PressAsync(others, Phase, PressInterval, Cancellation));
                memoryMost = Math.Max(memoryMost, Megabytes(server));
                await ended.CancelAsync();
                await attacking;
            }

            await Task.Delay(TimeSpan.FromSeconds(3), Cancellation);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {what} | {Show(before)} | {Show(during)} | {Percentile(during, 0.5) / Percentile(before, 0.5):F2} | {memoryBefore} MB | {memoryMost} MB | {Megabytes(server)} MB |"));
        }

        Task FloodAsync(CancellationToken ended, Func<byte[]> make, TimeSpan? tick = null, int framesPerTick = FramesPerTick) =>
            Task.WhenAll(Enumerable.Range(0, AttackConnections).Select(async i =>
            {
                while (!ended.IsCancellationRequested)
                {
                    await using var client = await FrameClient.OpenAsync(attacker, Subprotocols[i % 2]);
                    var closed = client.ReceiveCloseAsync();
                    while (!ended.IsCancellationRequested && !closed.IsCompleted
                        && await client.TrySendAsync([.. Enumerable.Range(0, framesPerTick).SelectMany(_ => make())]))
                    {
                        await Task.Delay(tick ?? Tick, Cancellation);
                    }
                }
            }));

        async Task SlowHandshakesAsync(CancellationToken ended)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => FrameClient.ConnectAsync(server)));
            foreach (var letter in "GET /ws HTTP/1.1\r\nHost: x\r\n".Select(letter => new[] { (byte)letter }))
            {
                await Task.WhenAll(clients.Select(client => client.TrySendAsync(letter)));
                await Task.Delay(TimeSpan.FromSeconds(1), ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (ended.IsCancellationRequested)
                {
                    break;
                }
            }

            await CloseAsync(clients);
        }

        async Task ManySocketsAsync(CancellationToken ended)
        {
            var clients = new List<FrameClient>();
            while (!ended.IsCancellationRequested)
            {
                clients.Add(await FrameClient.OpenAsync(attacker, Subprotocols[clients.Count % 2]));
                await Task.Delay(TimeSpan.FromMilliseconds(10), Cancellation);
            }

            await CloseAsync(clients);
        }

        async Task SlowReadersAsync(CancellationToken ended)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 45).Select(i => FrameClient.OpenAsync(attacker, Subprotocols[i % 2], receiveBufferBytes: 2048)));
            await PressAsync([attacker], Phase * 2, TimeSpan.FromMilliseconds(50), ended);
            await CloseAsync(clients);
        }
    }

    /// <returns>From each press to its event, in milliseconds.</returns>
    private static async Task<IEnumerable<double>> PressAsync(TestUser[] users, TimeSpan time, TimeSpan interval, CancellationToken ended)
    {
        var latencies = new ConcurrentBag<double>();
        await Task.WhenAll(users.Select(async user =>
        {
            await using var client = await user.ConnectAsync();
            await client.ReceiveAsync("timer_updated");
            for (var began = Stopwatch.GetTimestamp(); !ended.IsCancellationRequested && Stopwatch.GetElapsedTime(began) < time;)
            {
                var since = Stopwatch.GetTimestamp();
                await client.StartAsync(Guid.NewGuid());
                await client.ReceiveAsync("timer_updated");
                latencies.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                await Task.Delay(interval, Cancellation);
            }
        }));
        return latencies;
    }

    private static byte[] Fragments()
    {
        const int Bytes = 64;
        var message = Encoding.ASCII.GetBytes("""{"action":"ping"}""".PadRight(4096));
        return [.. message.Chunk(Bytes).SelectMany((part, i) =>
            new Frame(i == 0 ? Frame.Text : Frame.Continuation, part) { IsFinal = (i + 1) * Bytes == message.Length }.ToBytes())];
    }

    private static byte[] RandomFrame()
    {
        var payload = new byte[Random.Shared.Next(100)];
        Random.Shared.NextBytes(payload);
        return new Frame(Random.Shared.Next(16), payload) { IsFinal = Random.Shared.Next(2) == 0 }.ToBytes();
    }

    private static async Task CloseAsync(IEnumerable<FrameClient> clients)
    {
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    private static string Show(List<double> times) => string.Create(
        CultureInfo.InvariantCulture, $"{Percentile(times, 0.5):F2} ({Percentile(times, 0.99):F1}) ms");

    private static double Percentile(List<double> times, double share)
    {
        times.Sort();
        return times[(int)(share * (times.Count - 1))];
    }

    private static long Megabytes(TimerSyncServer server)
    {
        using var process = Process.GetProcessById(server.ProcessId);
        return process.WorkingSet64 / 1024 / 1024;
    }

    private static void Pin(int processId, int core)
    {
        using var taskset = Process.Start("taskset", ["-a", "-c", "-p", core.ToString(CultureInfo.InvariantCulture), processId.ToString(CultureInfo.InvariantCulture)]);
        taskset.WaitForExit();
    }
}
