using System.Globalization;
using Npgsql;
using TimerSync.Infrastructure.Timers;
using TimerSync.Tests.Timers;

namespace TimerSync.Tests.Postgres;

/// <summary>One database, two nodes: what CONTRACT.md promises does not depend on who is connected where.</summary>
public sealed class TwoNodesTests(TwoNodes nodes) : IClassFixture<TwoNodes>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_starts_on_one_node_stops_on_the_other()
    {
        var user = await TestUser.SignUpAsync(nodes.First);
        await using var here = await user.ConnectAsync();
        await using var there = await user.On(nodes.Second).ConnectAsync();
        await here.ReceiveAsync("timer_updated");
        await there.ReceiveAsync("timer_updated");
        var run = Guid.NewGuid();

        await here.StartAsync(run);
        var started = await there.ReceiveVersionAsync(1);
        await here.ReceiveVersionAsync(1); // a stop before that may come round sooner than the node's own writer has told of the start
        await there.StopAsync(run);
        var stopped = await here.ReceiveVersionAsync(2);

        Assert.Equal((run.ToString(), "running"), ((string?)started["id"], (string?)started["status"]));
        Assert.Equal((run.ToString(), "stopped"), ((string?)stopped["id"], (string?)stopped["status"]));
        Assert.Equal((string?)started["epoch"], (string?)stopped["epoch"]);
    }

    [Fact]
    public async Task A_logout_on_one_node_closes_the_session_s_sockets_on_the_other_and_no_others()
    {
        var user = await TestUser.SignUpAsync(nodes.First);
        var other = await user.LogInAgainAsync();
        await using var closing = await user.On(nodes.Second).ConnectAsync();
        await using var staying = await other.On(nodes.Second).ConnectAsync();

        using var client = user.CreateClient();
        (await client.PostAsync("/logout", null, Cancellation)).Dispose();

        Assert.Equal(4401, await closing.ReceiveCloseAsync());
        await staying.ReceiveAsync("timer_updated");
        await staying.SendAsync(new { action = "ping" });
        await staying.ReceiveAsync("pong");
    }

    [Fact]
    public async Task Change_and_logout_whose_hints_are_lost_arrive_all_the_same()
    {
        var user = await TestUser.SignUpAsync(nodes.First);
        await using var client = await user.ConnectAsync();
        await client.ReceiveAsync("timer_updated");

        // What another node commits, without its NOTIFY.
        await ExecuteAsync($"INSERT INTO timers VALUES ('{Guid.NewGuid()}', '{user.Id}', 'running', 1000, NULL, 1000)");
        await ExecuteAsync($"INSERT INTO timer_versions VALUES ('{user.Id}', 7)");
        var timer = await client.ReceiveVersionAsync(7);
        Assert.Equal("running", (string?)timer["status"]);

        await ExecuteAsync($"DELETE FROM login_sessions WHERE user_id = '{user.Id}'");
        Assert.Equal(4401, await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Both_nodes_writing_one_user_at_once_make_versions_without_gap_or_double()
    {
        const int Commands = 150;
        var user = await TestUser.SignUpAsync(nodes.First);
        await using var first = await user.ConnectAsync();
        await using var second = await user.On(nodes.Second).ConnectAsync();
        var now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var model = new TimerModel();

        var sending = new[] { first, second }.Select((client, side) => Task.Run(async () =>
        {
            var random = new Random(side);
            for (var i = 0; i < Commands; i++)
            {
                var run = Guid.NewGuid();
                var start = new TimerCommand(TimerAction.Start, user.Id, run, now.AddMilliseconds(-random.Next(100_000)));
                await client.StartAsync(run, start.At);
                lock (model)
                {
                    model.Press(start);
                }

                if (i % 2 == 0)
                {
                    var stop = start with { Action = TimerAction.Stop, At = start.At.AddMilliseconds(random.Next(2000)) };
                    stop = stop with { At = stop.At > now ? now : stop.At };
                    await client.StopAsync(run, stop.At);
                    lock (model)
                    {
                        model.Press(stop);
                    }
                }
            }
        })).ToArray();
        var received = await Task.WhenAll(first.ReceiveVersionAsync(Commands * 3), second.ReceiveVersionAsync(Commands * 3));
        await Task.WhenAll(sending);

        var current = model.CurrentOf(user.Id)!;
        Assert.All(received, timer => Assert.Equal(current.Id, (string?)timer["id"]));
        Assert.Equal(Commands * 3, (long)(await user.GetTimerAsync())["version"]!);
        Assert.Equal(model.Describe(user.Id), StoredRuns.Of(nodes.First, user.Id));
    }

    [Fact]
    public async Task Of_two_users_who_take_one_id_on_two_nodes_one_gets_it_and_the_other_is_told()
    {
        var ann = await TestUser.SignUpAsync(nodes.First);
        var bob = (await TestUser.SignUpAsync(nodes.First)).On(nodes.Second);
        await using var anns = await ann.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        await anns.ReceiveAsync("timer_updated");
        await bobs.ReceiveAsync("timer_updated");

        for (var i = 0; i < 40; i++)
        {
            var run = Guid.NewGuid();
            await Task.WhenAll(anns.StartAsync(run), bobs.StartAsync(run));
            var answers = await Task.WhenAll(anns.ReceiveAsync(), bobs.ReceiveAsync());

            Assert.Single(answers, answer => (string?)answer["event"] == "timer_updated" && (string?)answer["payload"]!["id"] == run.ToString());
            Assert.Single(answers, answer => (string?)answer["payload"]!["code"] == "id_taken");
        }
    }

    [Fact]
    public async Task A_command_sent_again_to_another_node_is_a_repeat()
    {
        var user = await TestUser.SignUpAsync(nodes.First);
        await using var here = await user.ConnectAsync();
        await using var there = await user.On(nodes.Second).ConnectAsync();
        await here.ReceiveAsync("timer_updated");
        var run = Guid.NewGuid();
        await here.StartAsync(run);
        await here.ReceiveVersionAsync(1);

        await there.StartAsync(run);

        await EventuallySameAsync();
        Assert.Equal(1, (long)(await user.GetTimerAsync())["version"]!);

        async Task EventuallySameAsync()
        {
            while ((long)(await there.ReceiveAsync("timer_updated"))["version"]! != 1)
            {
            }
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(string.Create(CultureInfo.InvariantCulture, $"{nodes.Database};Pooling=false"));
        await connection.OpenAsync(Cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancellation);
    }
}
