using System.Globalization;
using System.Net.WebSockets;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.SyncSocket;

/// <summary>
/// CONTRACT.md, section 3: a change is durable before anyone hears of it, and a command sent again changes nothing. The
/// server is killed in the middle of its work, again and again.
/// </summary>
public sealed class DurabilityTests
{
    private const int Kills = 10;
    private const int Users = 3;
    private const int ClientsPerUser = 2;
    private const int ToldBeforeKill = 80;
    private const int CommandsWaitingMax = 8;

    [Fact]
    public async Task What_any_client_was_told_survives_kill_9_and_commands_sent_again_count_once()
    {
        await using var server = await TimerSyncServer.StartAsync(("Socket:CommandsPerSecond", "100000"), ("Socket:CommandBurst", "100000"));
        var users = await Task.WhenAll(Enumerable.Range(0, Users).Select(_ => TestUser.SignUpAsync(server)));
        var presser = users.SelectMany(user => Enumerable.Range(0, ClientsPerUser).Select(_ => new Presser(user))).ToArray();
        var begin = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeMilliseconds());
        var clock = new PressClock(begin);

        for (var round = 0; round < Kills; round++)
        {
            var left = ToldBeforeKill + (round * 7); // not always at the same place
            var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var working = Array.ConvertAll(presser, one => one.PressUntilTheServerDiesAsync(clock, () =>
            {
                if (Interlocked.Decrement(ref left) <= 0)
                {
                    enough.TrySetResult();
                }
            }));
            await Task.WhenAny(enough.Task, Task.WhenAll(working)).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            Assert.True(enough.Task.IsCompleted, "The clients stopped before the server was killed.");

            await server.KillAsync();
            await Task.WhenAll(working);
            await server.StartAgainAsync();

            foreach (var user in users)
            {
                AssertKept(server, user, [.. presser.Where(one => one.User == user)]);
            }
        }

        // What was never answered is sent once more; then everything has happened exactly once.
        foreach (var one in presser)
        {
            await one.SendAgainAsync();
        }

        foreach (var user in users)
        {
            Presser[] own = [.. presser.Where(one => one.User == user)];
            AssertKept(server, user, own);
            var stored = ReadRuns(server, user.Id);
            Assert.Equal(own.SelectMany(one => one.Pressed.Keys).Order(StringComparer.Ordinal), stored.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
            Assert.All(stored.Values, run => Assert.NotNull(run.StoppedAt));
        }
    }

    private static void AssertKept(TimerSyncServer server, TestUser user, Presser[] pressers)
    {
        var stored = ReadRuns(server, user.Id);
        var version = ReadVersion(server, user.Id);
        Assert.InRange(pressers.Max(one => one.NewestVersion), 1, version);
        Assert.Single(pressers.SelectMany(one => one.Epochs).Distinct(StringComparer.Ordinal));
        foreach (var told in pressers.SelectMany(one => one.Told).Where(one => one.Id is not null))
        {
            Assert.True(stored.TryGetValue(told.Id!, out var run), $"{told} was told and is gone.");
            Assert.Equal(told.StartedAt, run.StartedAt);
            if (told.StoppedAt is not null)
            {
                Assert.Equal(told.StoppedAt, run.StoppedAt);
            }
        }

        // Each run is as it was pressed, and each press has grown the version by one: none was applied twice.
        var pressed = pressers.SelectMany(one => one.Pressed).ToDictionary(StringComparer.Ordinal);
        Assert.All(stored, run => Assert.Equal(pressed[run.Key].StartedAt, run.Value.StartedAt));
        Assert.All(stored.Where(run => run.Value.StoppedAt is not null), run => Assert.Equal(pressed[run.Key].StoppedAt, run.Value.StoppedAt));
        Assert.Equal(version, stored.Count + stored.Values.Count(run => run.StoppedAt is not null));
        // Whoever got the receipt of a press finds it.
        Assert.All(pressers.SelectMany(one => one.Acknowledged), id => Assert.NotNull(stored[id].StoppedAt));
    }

    private static Dictionary<string, PressedRun> ReadRuns(TimerSyncServer server, string userId)
    {
        var runs = new Dictionary<string, PressedRun>(StringComparer.Ordinal);
        using var database = server.OpenDatabase();
        using var select = database.CreateCommand();
        select.CommandText = "SELECT id, started_at, stopped_at FROM timers WHERE user_id = @user_id";
        select.AddParameter("user_id", userId);
        using var rows = select.ExecuteReader();
        while (rows.Read())
        {
            runs.Add(rows.GetString(0), new PressedRun(
                DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(1)),
                rows.IsDBNull(2) ? null : DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(2))));
        }

        return runs;
    }

    private static long ReadVersion(TimerSyncServer server, string userId)
    {
        using var database = server.OpenDatabase();
        using var select = database.CreateCommand();
        select.CommandText = "SELECT version FROM timer_versions WHERE user_id = @user_id";
        select.AddParameter("user_id", userId);
        return (long)select.ExecuteScalar()!;
    }

    private sealed record PressedRun(DateTimeOffset StartedAt, DateTimeOffset? StoppedAt);

    /// <summary>Gives every press a time of its own, so that each one can be told from the others afterwards.</summary>
    private sealed class PressClock(DateTimeOffset begin)
    {
        private int _presses;

        public DateTimeOffset Next() => begin.AddMilliseconds(Interlocked.Increment(ref _presses));
    }

    /// <summary>One connection that starts and stops runs, over all lives of the server, and remembers all that it was told.</summary>
    private sealed class Presser(TestUser user)
    {
        private readonly Queue<string> _waiting = new();
        private int _pings;

        public TestUser User { get; } = user;

        public Dictionary<string, PressedRun> Pressed { get; } = new(StringComparer.Ordinal);

        public List<string> Acknowledged { get; } = [];

        public List<WireEvent> Told { get; } = [];

        public HashSet<string> Epochs { get; } = new(StringComparer.Ordinal);

        public long NewestVersion { get; private set; }

        public async Task PressUntilTheServerDiesAsync(PressClock clock, Action onTold)
        {
            try
            {
                await using var client = await OpenAgainAsync();
                while (true)
                {
                    while (_waiting.Count < CommandsWaitingMax)
                    {
                        var id = Guid.NewGuid().ToString();
                        Pressed[id] = new PressedRun(clock.Next(), clock.Next());
                        _waiting.Enqueue(id);
                        await SendRunAsync(client, id);
                    }

                    await ReceiveAsync(client);
                    onTold();
                }
            }
            catch (Exception exception) when (exception is WebSocketException or SocketClosedException or UpgradeRefusedException)
            {
                // killed
            }
        }

        public async Task SendAgainAsync()
        {
            await using var client = await OpenAgainAsync();
            while (_waiting.Count > 0)
            {
                await ReceiveAsync(client);
            }
        }

        /// <summary>Connects, takes the state, and sends again all that has no receipt.</summary>
        private async Task<SocketClient> OpenAgainAsync()
        {
            var client = await User.ConnectAsync();
            var first = await client.ReceiveTimerAsync();
            Assert.True(first.Version >= NewestVersion, $"The version went back from {NewestVersion} to {first.Version}.");
            Remember(first);
            _pings += CommandsWaitingMax; // receipts of the life before are void
            foreach (var id in _waiting)
            {
                await SendRunAsync(client, id);
            }

            return client;
        }

        /// <summary>A start, its stop, and a ping, whose pong is the receipt for both.</summary>
        private async Task SendRunAsync(SocketClient client, string id)
        {
            var run = Pressed[id];
            await client.SendAsync(new { action = "timer_start", id, started_at = run.StartedAt });
            await client.SendAsync(new { action = "timer_stop", id, stopped_at = run.StoppedAt });
            await client.SendAsync(new { action = "ping", sent_at = ++_pings });
        }

        private async Task ReceiveAsync(SocketClient client)
        {
            var received = await client.ReceiveEventAsync();
            if (received.Name == WireEvent.Pong)
            {
                Assert.True(int.Parse(received.SentAt!, CultureInfo.InvariantCulture) <= _pings);
                Acknowledged.Add(_waiting.Dequeue()); // pongs keep the order of pings
                return;
            }

            Assert.Equal(WireEvent.TimerUpdated, received.Name);
            Assert.True(received.Version >= NewestVersion, $"The version went back from {NewestVersion} to {received.Version}.");
            Remember(received);
        }

        private void Remember(WireEvent told)
        {
            NewestVersion = told.Version;
            Told.Add(told);
            Epochs.Add(told.Epoch!);
        }
    }
}
