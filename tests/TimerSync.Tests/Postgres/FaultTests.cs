using System.Diagnostics;
using System.Net.Http.Json;
using Npgsql;
using TimerSync.Infrastructure.Timers;
using TimerSync.Tests.Timers;

namespace TimerSync.Tests.Postgres;

/// <summary>
/// Two nodes on a PostgreSQL of their own, the second one behind a network that can fail. Whatever breaks: the state is right
/// again within 3 s of the fault's end, on the sockets that were open before.
/// </summary>
[Collection(Alone.Name)]
public sealed class FaultTests(FaultTests.Setting faults) : IClassFixture<FaultTests.Setting>
{
    private static readonly TimeSpan RecoveryMax = TimeSpan.FromSeconds(3);

    /// <summary>Until a fault shows; not what is tested.</summary>
    private static readonly TimeSpan NoticeMax = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan PauseOfANode = TimeSpan.FromSeconds(5);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_restart_of_the_database_leaves_sockets_open_and_the_state_right()
    {
        await using var pair = await Pair.ConnectAsync(faults);
        await pair.StartAsync(version: 1);

        await faults.Cluster.StopAsync();
        foreach (var node in new[] { faults.First, faults.Second })
        {
            await Nodes.EventuallyAsync(NoticeMax, async () => await node.ReadinessAsync() == 503);
        }

        await pair.Here.StartAsync(Guid.NewGuid());
        Assert.Equal("unavailable", (string?)(await pair.Here.ReceiveAsync("error"))["code"]);

        await faults.Cluster.StartAgainAsync();
        var restored = Stopwatch.StartNew();
        foreach (var node in new[] { faults.First, faults.Second })
        {
            await Nodes.EventuallyAsync(NoticeMax, async () => await node.ReadinessAsync() == 200);
        }

        await pair.StartAsync(version: 2);
        Assert.InRange(restored.Elapsed, TimeSpan.Zero, RecoveryMax);
    }

    [Fact]
    public async Task A_listener_that_the_server_ends_costs_a_moment()
    {
        await using var pair = await Pair.ConnectAsync(faults);

        await faults.Cluster.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listener'");
        var ended = Stopwatch.StartNew();
        await pair.StartAsync(version: 1);

        Assert.InRange(ended.Elapsed, TimeSpan.Zero, RecoveryMax);
    }

    [Fact]
    public async Task A_listener_that_hears_nothing_any_more_is_noticed_and_replaced()
    {
        await using var pair = await Pair.ConnectAsync(faults);
        var before = faults.Second.Log.Count(line => line.Contains("Listening to the other nodes again", StringComparison.Ordinal));

        // There is one at the latest a moment after the last test has ended it; those that have died before count too.
        await Nodes.EventuallyAsync(NoticeMax, () => Task.FromResult(faults.Proxy.Darken("timersync listener") > 0));
        var cut = Stopwatch.StartNew();
        await pair.StartAsync(version: 1);
        Assert.InRange(cut.Elapsed, TimeSpan.Zero, RecoveryMax);

        await Nodes.EventuallyAsync(NoticeMax, () => Task.FromResult(
            faults.Second.Log.Count(line => line.Contains("Listening to the other nodes again", StringComparison.Ordinal)) > before));
        await pair.StartAsync(version: 2);
    }

    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_told_as_what_it_became()
    {
        await using var pair = await Pair.ConnectAsync(faults);

        await LoseTheAnswerAsync(pair, () => faults.Proxy.Darken("timersync writer"));

        await pair.There.ReceiveVersionAsync(2); // no error came before it: that would say that nothing has changed
        await pair.Here.ReceiveVersionAsync(2);
    }

    [Fact]
    public async Task A_commit_of_which_nothing_can_be_known_closes_the_socket_instead_of_telling_something()
    {
        await using var pair = await Pair.ConnectAsync(faults);

        await LoseTheAnswerAsync(pair, () => faults.Proxy.IsDark = true);

        await pair.Here.ReceiveVersionAsync(2);
        Assert.Equal(1012, await pair.There.ReceiveCloseAsync());
        faults.Proxy.IsDark = false;
        await Nodes.EventuallyAsync(NoticeMax, async () => await faults.Second.ReadinessAsync() == 200);
    }

    [Fact]
    public async Task A_node_cut_off_from_the_database_says_so_and_catches_up_when_it_is_back()
    {
        await using var pair = await Pair.ConnectAsync(faults);
        faults.Proxy.IsDark = true;
        await pair.Here.StartAsync(Guid.NewGuid());
        await pair.Here.ReceiveVersionAsync(1);
        await Nodes.EventuallyAsync(NoticeMax, async () => await faults.Second.ReadinessAsync() == 503);

        faults.Proxy.IsDark = false;
        var back = Stopwatch.StartNew();
        await pair.There.ReceiveVersionAsync(1);

        Assert.InRange(back.Elapsed, TimeSpan.Zero, RecoveryMax);
        await Nodes.EventuallyAsync(NoticeMax, async () => await faults.Second.ReadinessAsync() == 200);
    }

    [Fact]
    public async Task A_node_that_stands_still_holds_up_nobody_and_catches_up()
    {
        await using var pair = await Pair.ConnectAsync(faults);
        for (var i = 0; i < 50; i++)
        {
            await pair.Here.StartAsync(Guid.NewGuid()); // so that it stops in the middle of something
        }

        await faults.First.SignalAsync("STOP");
        var stopped = Stopwatch.StartNew();
        var last = Guid.NewGuid();
        await pair.There.StartAsync(last);
        while ((string?)(await pair.There.ReceiveAsync("timer_updated"))["id"] != last.ToString())
        {
        }

        Assert.InRange(stopped.Elapsed, TimeSpan.Zero, RecoveryMax);
        if (stopped.Elapsed < PauseOfANode)
        {
            await Task.Delay(PauseOfANode - stopped.Elapsed, Cancellation);
        }

        await faults.First.SignalAsync("CONT");
        var goesOn = Stopwatch.StartNew();

        await Nodes.EventuallyAsync(RecoveryMax, async () =>
            (long)(await pair.User.GetTimerAsync())["version"]! == (long)(await pair.User.On(faults.Second).GetTimerAsync())["version"]!);
        var version = (long)(await pair.User.GetTimerAsync())["version"]!;
        await pair.There.SendAsync(new { action = "timer_start", id = last });
        await ReceiveAtLeastAsync(pair.Here, version);
        await ReceiveAtLeastAsync(pair.There, version);
        Assert.InRange(goesOn.Elapsed, TimeSpan.Zero, RecoveryMax);
    }

    [Fact]
    public async Task Nothing_is_lost_or_doubled_when_a_node_is_killed()
    {
        const int Commands = 200;
        await faults.RepairAsync();
        var user = await TestUser.SignUpAsync(faults.First);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var starts = Enumerable.Range(1, Commands)
            .Select(i => new TimerCommand(TimerAction.Start, user.Id, Guid.NewGuid(), now.AddMilliseconds(i - Commands))).ToArray();
        await using (var client = await user.ConnectAsync())
        {
            foreach (var start in starts)
            {
                await client.StartAsync(start.RunId, start.At);
            }

            await client.ReceiveAsync("timer_updated");
            await client.ReceiveAsync("timer_updated");
            await faults.First.KillAsync();
        }

        await using var again = await user.On(faults.Second).ConnectAsync(); // the balancer's doing
        var model = new TimerModel();
        foreach (var start in starts)
        {
            await again.StartAsync(start.RunId, start.At);
            model.Press(start);
        }

        await ReceiveAtLeastAsync(again, Commands);
        Assert.Equal(Commands, (long)(await user.On(faults.Second).GetTimerAsync())["version"]!);
        Assert.Equal(model.Describe(user.Id), StoredRuns.Of(faults.Second, user.Id));
        await faults.First.StartAgainAsync();
    }

    [Fact]
    public async Task Files_of_an_earlier_day_under_running_nodes_make_a_new_epoch()
    {
        await using var pair = await Pair.ConnectAsync(faults);
        await pair.StartAsync(version: 1);
        var before = (string?)(await pair.User.GetTimerAsync())["epoch"];
        await faults.Cluster.StopAsync();
        await faults.Cluster.BackUpAsync();
        await faults.Cluster.StartAgainAsync();
        await Nodes.EventuallyAsync(NoticeMax, async () => await faults.First.ReadinessAsync() == 200);
        await pair.StartAsync(version: 2);
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation); // both nodes have seen how far the log is

        await faults.Cluster.StopAsync();
        await faults.Cluster.RestoreAsync();
        await faults.Cluster.StartAgainAsync();

        Assert.Equal(1012, await pair.Here.ReceiveCloseAsync());
        Assert.Equal(1012, await pair.There.ReceiveCloseAsync());
        await Nodes.EventuallyAsync(NoticeMax, async () =>
            (string?)(await pair.User.GetTimerAsync())["epoch"] == (string?)(await pair.User.On(faults.Second).GetTimerAsync())["epoch"]);
        await using var client = await pair.User.ConnectAsync();
        var timer = await client.ReceiveAsync("timer_updated");
        Assert.Equal(1, (long)timer["version"]!);
        Assert.NotEqual(before, (string?)timer["epoch"]);
    }

    /// <summary>Starts two runs on the second node. It hears nothing any more of how the commit of the second one ends.</summary>
    private static async Task LoseTheAnswerAsync(Pair pair, Action cut)
    {
        await pair.There.StartAsync(Guid.NewGuid()); // its writer has a connection then, whose statements are prepared
        await pair.There.ReceiveVersionAsync(1);
        await pair.Here.ReceiveVersionAsync(1);
        await using var database = (NpgsqlConnection)pair.User.Server.OpenDatabase();
        await using (var hold = new NpgsqlCommand("BEGIN; LOCK TABLE timers IN EXCLUSIVE MODE", database)) // others read, and wait to write
        {
            await hold.ExecuteNonQueryAsync(Cancellation);
        }

        await pair.There.StartAsync(Guid.NewGuid());
        await Nodes.EventuallyAsync(NoticeMax, async () =>
        {
            await using var waiting = new NpgsqlCommand(
                "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'timers'::regclass)", database);
            return (bool)(await waiting.ExecuteScalarAsync(Cancellation))!;
        });
        cut();
        await using var release = new NpgsqlCommand("COMMIT", database);
        await release.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>Reads until this version. A command whose fate the fault has hidden may be answered with <c>unavailable</c>.</summary>
    private static async Task ReceiveAtLeastAsync(SocketClient client, long version)
    {
        for (var received = -1L; received < version;)
        {
            var next = await client.ReceiveAsync();
            if ((string?)next["event"] == "error")
            {
                Assert.Equal("unavailable", (string?)next["payload"]!["code"]);
                continue;
            }

            received = (long)next["payload"]!["version"]!;
        }
    }

    /// <summary>One user on both nodes.</summary>
    private sealed record Pair(TestUser User, SocketClient Here, SocketClient There) : IAsyncDisposable
    {
        public static async Task<Pair> ConnectAsync(Setting faults)
        {
            await faults.RepairAsync();
            var user = await TestUser.SignUpAsync(faults.First);
            var pair = new Pair(user, await user.ConnectAsync(), await user.On(faults.Second).ConnectAsync());
            await pair.Here.ReceiveAsync("timer_updated");
            await pair.There.ReceiveAsync("timer_updated");
            return pair;
        }

        /// <summary>Starts a run on the first node; both connections hear of it.</summary>
        public async Task StartAsync(long version)
        {
            using var client = User.CreateClient();
            using var answer = await client.PostAsJsonAsync("/timers", new { action = "timer_start", id = Guid.NewGuid() }, Cancellation);
            await answer.JsonAsync();
            await Here.ReceiveVersionAsync(version);
            await There.ReceiveVersionAsync(version);
        }

        public async ValueTask DisposeAsync()
        {
            await Here.DisposeAsync();
            await There.DisposeAsync();
        }
    }

    /// <summary>A cluster, a network, two nodes.</summary>
    public sealed class Setting : IAsyncLifetime
    {
        public PostgresCluster Cluster { get; private set; } = null!;

        public TcpProxy Proxy { get; private set; } = null!;

        public TimerSyncServer First { get; private set; } = null!;

        public TimerSyncServer Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Cluster = await PostgresCluster.StartAsync();
            Proxy = TcpProxy.Start(Cluster.Port);
            var database = await Cluster.CreateDatabaseAsync();
            First = await Nodes.StartAsync(database);
            Second = await Nodes.StartAsync(Proxy.Through(database));
        }

        /// <summary>Whatever a test has broken and, because it failed, left so.</summary>
        public async Task RepairAsync()
        {
            Proxy.IsDark = false;
            await Cluster.StartAgainAsync();
            foreach (var node in new[] { First, Second })
            {
                if (!node.IsRunning)
                {
                    await node.StartAgainAsync();
                }

                await node.SignalAsync("CONT");
                await Nodes.EventuallyAsync(NoticeMax, async () => await node.ReadinessAsync() == 200);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
            await Proxy.DisposeAsync();
            await Cluster.DisposeAsync();
        }
    }
}
