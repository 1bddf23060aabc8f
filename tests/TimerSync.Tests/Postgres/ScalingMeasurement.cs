using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests.Postgres;

/// <summary>
/// The figures of docs/SCALING.md: two real nodes and a real PostgreSQL on one machine, over real sockets. Not a test; runs
/// when asked for: <c>dotnet test tests/TimerSync.Tests -c Release --filter FullyQualifiedName~Scaling -- xUnit.Explicit=on</c>.
/// </summary>
public sealed class ScalingMeasurement(ITestOutputHelper output)
{
    private const int Users = 400;
    private const int CommandsPerSecond = 500;
    private const int PipelineDepth = 8;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(12);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task Measure()
    {
        await using var cluster = await PostgresCluster.StartAsync();
        var database = await cluster.CreateDatabaseAsync();
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(64));
        (string, string)[] settings =
        [
            .. TestEngine.Postgres(database), ("Jwt:SigningKey", key),
            ("Socket:CommandsPerSecond", "1000000"), ("Socket:CommandBurst", "1000000"),
        ];
        await using var first = await TimerSyncServer.StartAsync(settings);
        await using var second = await TimerSyncServer.StartAsync(settings);
        var tokens = await MakeUsersAsync(database, key);

        await using (var sockets = new Sockets())
        {
            var rate = await ThroughputAsync(sockets, [first, second], tokens);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"closed loop through two nodes: {rate:N0} durable commands/s"));
        }

        await using (var sockets = new Sockets())
        {
            var rate = await ThroughputAsync(sockets, [first], tokens);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"closed loop through one node: {rate:N0} durable commands/s"));
        }

        await using (var sockets = new Sockets())
        {
            await LatencyAsync(sockets, first, second, tokens, TimeSpan.FromSeconds(5)); // both nodes are warm by now, this program is not
        }

        await using (var sockets = new Sockets())
        {
            var (same, cross) = await LatencyAsync(sockets, first, second, tokens, Duration);
            output.WriteLine($"{CommandsPerSecond} commands/s on node 1, {Users} users: command to event on the same node {Describe(same)}; on node 2 {Describe(cross)}");
        }

        foreach (var node in new[] { first, second })
        {
            await node.StopAsync();
            node.Configure("Database:CommandsPerCommit", "1");
            await node.StartAgainAsync();
        }

        await using (var sockets = new Sockets())
        {
            var rate = await ThroughputAsync(sockets, [first, second], tokens);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the same with a commit and a NOTIFY per command: {rate:N0} durable commands/s"));
        }

        await first.StopAsync();
        await second.StopAsync();
        var oneByOne = await OneByOneAsync(database);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"an UPDATE, a NOTIFY and a commit per command, two connections, no server between: {oneByOne:N0}/s"));
    }

    private static async Task<string[]> MakeUsersAsync(string database, string key)
    {
        await using var connection = new NpgsqlConnection($"{database};Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var insert = new NpgsqlCommand($"""
            INSERT INTO accounts SELECT 'u_' || n, 'n' || n, 'n' || n, '', 0 FROM generate_series(1, {Users}) n;
            INSERT INTO login_sessions SELECT 's_' || n, 'u_' || n, 0, 9000000000000 FROM generate_series(1, {Users}) n;
            """, connection);
        await insert.ExecuteNonQueryAsync(Cancellation);
        var tokens = new AccessTokens(Options.Create(new JwtOptions { SigningKey = key }), null!);
        return [.. Enumerable.Range(1, Users).Select(n => tokens.Create($"u_{n}", $"n{n}", $"s_{n}", DateTimeOffset.UtcNow))];
    }

    /// <summary>Open loop: a command is due at its time, whatever the answers do.</summary>
    private static async Task<(double[] Same, double[] Cross)> LatencyAsync(
        Sockets sockets, TimerSyncServer first, TimerSyncServer second, string[] tokens, TimeSpan duration)
    {
        var sentAt = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        ConcurrentBag<double> same = [], cross = [];
        var senders = new List<ClientWebSocket>();
        foreach (var token in tokens)
        {
            senders.Add(await sockets.ConnectAsync(first, token, text => Note(text, same)));
            await sockets.ConnectAsync(second, token, text => Note(text, cross));
        }

        var begun = Stopwatch.GetTimestamp();
        var runs = new string?[senders.Count];
        for (var i = 0; i < CommandsPerSecond * duration.TotalSeconds; i++)
        {
            var due = TimeSpan.FromSeconds((double)i / CommandsPerSecond) - Stopwatch.GetElapsedTime(begun);
            if (due > TimeSpan.Zero)
            {
                await Task.Delay(due, Cancellation);
            }

            var user = i % senders.Count;
            var (action, id) = runs[user] is { } running ? ("timer_stop", running) : ("timer_start", Guid.NewGuid().ToString());
            runs[user] = action == "timer_start" ? id : null;
            sentAt[$"{id}{action == "timer_start"}"] = Stopwatch.GetTimestamp();
            await SendAsync(senders[user], action, id);
        }

        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        return ([.. same], [.. cross]);

        Task Note(string text, ConcurrentBag<double> times)
        {
            if (Between(text, "\"id\":\"", "\"") is { } id
                && sentAt.TryGetValue($"{id}{text.Contains("\"running\"", StringComparison.Ordinal)}", out var then))
            {
                times.Add(Stopwatch.GetElapsedTime(then).TotalMilliseconds);
            }

            return Task.CompletedTask;
        }
    }

    /// <summary>Each user has always some commands on the way; an event brings the next one.</summary>
    private static async Task<double> ThroughputAsync(Sockets sockets, TimerSyncServer[] nodes, string[] tokens)
    {
        long versions = 0;
        for (var user = 0; user < tokens.Length; user++)
        {
            var known = -1L;
            ClientWebSocket socket = null!;
            var run = Guid.NewGuid().ToString();
            var isRunning = false;
            var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            socket = await sockets.ConnectAsync(nodes[user % nodes.Length], tokens[user], async text =>
            {
                var version = long.Parse(Between(text, "\"version\":", ",")!, CultureInfo.InvariantCulture);
                await ready.Task;
                var news = known < 0 ? PipelineDepth : version - known;
                Interlocked.Add(ref versions, known < 0 ? 0 : news);
                known = version;
                for (; news > 0; news--)
                {
                    run = isRunning ? run : Guid.NewGuid().ToString();
                    await SendAsync(socket, isRunning ? "timer_stop" : "timer_start", run);
                    isRunning = !isRunning;
                }
            });
            ready.SetResult();
        }

        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        var (before, begun) = (Interlocked.Read(ref versions), Stopwatch.GetTimestamp());
        await Task.Delay(Duration, Cancellation);
        return (Interlocked.Read(ref versions) - before) / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    /// <summary>The least that a transaction per command could cost: one round trip, nothing is decided, nobody is told.</summary>
    private static async Task<double> OneByOneAsync(string database)
    {
        long commands = 0;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        end.CancelAfter(Duration);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(writer => Task.Run(async () =>
        {
            await using var connection = new NpgsqlConnection($"{database};Pooling=false");
            await connection.OpenAsync(Cancellation);
            await using var batch = new NpgsqlBatch(connection);
            var user = new NpgsqlParameter<string>("user_id", "");
            batch.BatchCommands.Add(new NpgsqlBatchCommand("UPDATE timer_versions SET version = version + 1 WHERE user_id = @user_id") { Parameters = { user } });
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT pg_notify('measure', clock_timestamp()::text)"));
            await batch.PrepareAsync(Cancellation);
            for (var i = 0; !end.IsCancellationRequested; i++)
            {
                user.TypedValue = $"u_{(i * 2 + writer) % Users + 1}";
                await batch.ExecuteNonQueryAsync(Cancellation);
                Interlocked.Increment(ref commands);
            }
        })));
        return commands / Duration.TotalSeconds;
    }

    private static ValueTask SendAsync(ClientWebSocket socket, string action, string id) => socket.SendAsync(
        Encoding.ASCII.GetBytes($$"""{"action":"{{action}}","id":"{{id}}"}""").AsMemory(), WebSocketMessageType.Text, true, Cancellation);

    private static string? Between(string text, string from, string to)
    {
        var begin = text.IndexOf(from, StringComparison.Ordinal) + from.Length;
        return begin < from.Length ? null : text[begin..text.IndexOf(to, begin, StringComparison.Ordinal)];
    }

    private static string Describe(double[] milliseconds)
    {
        Array.Sort(milliseconds);
        return string.Create(CultureInfo.InvariantCulture, $"p50 {At(0.5):F1} ms, p99 {At(0.99):F1} ms ({milliseconds.Length} events)");

        double At(double part) => milliseconds.Length == 0 ? double.NaN : milliseconds[(int)(part * (milliseconds.Length - 1))];
    }

    private sealed class Sockets : IAsyncDisposable
    {
        private readonly List<ClientWebSocket> _all = [];

        public async Task<ClientWebSocket> ConnectAsync(TimerSyncServer node, string token, Func<string, Task> received)
        {
            var socket = new ClientWebSocket();
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            await socket.ConnectAsync(new Uri($"ws://{node.Address.Authority}/ws"), Cancellation);
            _all.Add(socket);
            _ = ReceiveAsync(socket, received);
            return socket;
        }

        public ValueTask DisposeAsync()
        {
            _all.ForEach(socket => socket.Abort());
            return ValueTask.CompletedTask;
        }

        private static async Task ReceiveAsync(ClientWebSocket socket, Func<string, Task> received)
        {
            var buffer = new byte[4096];
            while (socket.State == WebSocketState.Open)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(), Cancellation);
                await received(Encoding.ASCII.GetString(buffer, 0, part.Count));
            }
        }
    }
}
