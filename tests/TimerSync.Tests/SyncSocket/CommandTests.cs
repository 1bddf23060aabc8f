namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, sections 3 and 6: the rule and its small print, over the wire.</summary>
public sealed class CommandTests(SharedServer shared)
{
    private static readonly DateTimeOffset Noon = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 3600);

    public static TheoryData<string> Subprotocols => WireEvents.Subprotocols;

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_command_sent_again_is_answered_to_its_sender_alone_and_changes_nothing(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync(subprotocol);
        await using var other = await user.OpenAsync(subprotocol);
        var run = Guid.NewGuid();
        await client.StartAsync(run, Noon);
        var started = await client.ReceiveTimerAsync();

        await client.StartAsync(run, Noon);
        Assert.Equal(started with { ServerTime = default }, await AnswerAsync());
        await client.StartAsync(run, Noon.AddMinutes(9)); // the first start of an id counts
        Assert.Equal(started with { ServerTime = default }, await AnswerAsync());

        await client.StopAsync(run, Noon.AddMinutes(5));
        var stopped = await client.ReceiveTimerAsync();
        await client.StopAsync(run, Noon.AddMinutes(5));
        Assert.Equal(stopped with { ServerTime = default }, await AnswerAsync());
        await client.StopAsync(run, Noon.AddMinutes(6)); // of two stops the earlier counts
        Assert.Equal(stopped with { ServerTime = default }, await AnswerAsync());
        await client.StartAsync(run, Noon); // does not run again
        Assert.Equal(stopped with { ServerTime = default }, await AnswerAsync());

        Assert.Equal(1, (await other.ReceiveTimerAsync()).Version);
        Assert.Equal(2, (await other.ReceiveTimerAsync()).Version);
        await other.AssertNothingArrivesBeforePongAsync();

        async Task<WireEvent> AnswerAsync() => (await client.ReceiveTimerAsync()) with { ServerTime = default };
    }

    [Fact]
    public async Task An_earlier_stop_that_arrives_later_counts()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        var run = Guid.NewGuid();
        await client.StartAsync(run, Noon);
        await client.ReceiveTimerAsync();
        await client.StopAsync(run, Noon.AddMinutes(5));
        await client.ReceiveTimerAsync();

        await client.StopAsync(run, Noon.AddMinutes(3));
        var stopped = await client.ReceiveTimerAsync();

        Assert.Equal((3, Noon.AddMinutes(3)), (stopped.Version, stopped.StoppedAt));
    }

    [Fact]
    public async Task Second_start_stops_the_first_timer_and_becomes_the_current_one()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        await client.StartAsync(first, Noon);
        await client.ReceiveTimerAsync();

        await client.StartAsync(second, Noon.AddMinutes(1));

        var current = await client.ReceiveTimerAsync();
        Assert.Equal((second.ToString(), "running", 2), (current.Id, current.Status, current.Version));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ties_go_to_the_greater_id_in_either_order(bool isGreaterFirst)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        // The last 8 hexadecimal digits make them this test's own; 8… is greater than 7… as text, not as a signed number.
        var own = $"{Guid.NewGuid():N}"[..8];
        var (lesser, greater) = (Guid.Parse($"7fffffff-0000-4000-8000-0000{own}"), Guid.Parse($"80000000-0000-4000-8000-0000{own}"));

        await client.StartAsync(isGreaterFirst ? greater : lesser, Noon);
        await client.ReceiveTimerAsync();
        await client.StartAsync(isGreaterFirst ? lesser : greater, Noon);
        var current = await client.ReceiveTimerAsync();

        Assert.Equal((greater.ToString(), "running", 2), (current.Id, current.Status, current.Version));
    }

    [Fact]
    public async Task An_older_start_is_stored_and_told_but_does_not_become_current()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        await using var other = await user.OpenAsync();
        var (current, older) = (Guid.NewGuid(), Guid.NewGuid());
        await client.StartAsync(current, Noon);
        var before = await client.ReceiveTimerAsync();

        await client.StartAsync(older, Noon.AddMinutes(-10));
        var after = await client.ReceiveTimerAsync();
        Assert.Equal(before with { Version = 2, ServerTime = default }, after with { ServerTime = default });

        await client.StopAsync(older, Noon.AddMinutes(-5)); // and can be stopped
        Assert.Equal(before with { Version = 3, ServerTime = default }, (await client.ReceiveTimerAsync()) with { ServerTime = default });

        foreach (var version in new[] { 1, 2, 3 })
        {
            Assert.Equal(version, (await other.ReceiveTimerAsync()).Version);
        }
    }

    [Fact]
    public async Task Stopping_a_run_that_was_cut_short_leaves_the_current_one_running()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        await client.StartAsync(first, Noon);
        await client.ReceiveTimerAsync();
        await client.StartAsync(second, Noon.AddMinutes(1));
        await client.ReceiveTimerAsync();

        await client.StopAsync(first, Noon.AddMinutes(2));

        var current = await client.ReceiveTimerAsync();
        Assert.Equal((second.ToString(), "running", null, 3), (current.Id, current.Status, current.StoppedAt, current.Version));
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_stop_of_an_id_that_the_user_does_not_have_is_unknown_timer(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync(subprotocol);
        var run = Guid.NewGuid();

        await client.StopAsync(run);

        var error = await client.ReceiveErrorAsync("unknown_timer");
        Assert.Equal((run.ToString(), "timer_stop"), (error.Id, error.Action));
        await client.StartAsync(run); // and nothing of it stays
        Assert.Equal(("running", 1), ((await client.ReceiveTimerAsync()) is var timer ? (timer.Status, timer.Version) : default));
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task The_id_of_another_users_run_is_taken_for_start_and_stop(string subprotocol)
    {
        var owner = await TestUser.SignUpAsync(shared.Server);
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var owners = await owner.OpenAsync(subprotocol);
        await using var client = await user.OpenAsync(subprotocol);
        var run = Guid.NewGuid();
        await owners.StartAsync(run);
        await owners.ReceiveTimerAsync();

        await client.StartAsync(run);
        Assert.Equal(("timer_start", run.ToString()), await client.ReceiveErrorAsync("id_taken") is var start ? (start.Action, start.Id) : default);
        await client.StopAsync(run);
        Assert.Equal(("timer_stop", run.ToString()), await client.ReceiveErrorAsync("id_taken") is var stop ? (stop.Action, stop.Id) : default);

        await owners.AssertNothingArrivesBeforePongAsync();
        Assert.Equal("running", (string?)(await owner.GetTimerAsync())["status"]);
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_command_for_another_user_is_wrong_user(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var other = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync(subprotocol);
        await using var others = await other.OpenAsync(subprotocol);
        foreach (var userId in new[] { other.Id, "", user.Id.ToUpperInvariant(), $"{user.Id} " })
        {
            var run = Guid.NewGuid();

            await client.SendAsync(new { action = "timer_start", id = run, user_id = userId });

            var error = await client.ReceiveErrorAsync("wrong_user");
            Assert.Equal((run.ToString(), "timer_start"), (error.Id, error.Action));
        }

        await client.AssertNothingArrivesBeforePongAsync();
        await others.AssertNothingArrivesBeforePongAsync();
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);
        Assert.Equal(0, (long?)(await other.GetTimerAsync())["version"]);
    }

    [Fact]
    public async Task Upper_case_is_the_same_id_and_is_echoed_in_lower_case()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        var run = Guid.Parse($"ABCDEF00{Guid.NewGuid().ToString()[8..]}");
        var upper = run.ToString().ToUpperInvariant();

        await client.SendAsync(new { action = "timer_start", id = upper });
        Assert.Equal(run.ToString(), (await client.ReceiveTimerAsync()).Id);
        await client.SendAsync(new { action = "timer_stop", id = run });
        Assert.Equal((2, "stopped"), await client.ReceiveTimerAsync() is var stopped ? (stopped.Version, stopped.Status) : default);
        await client.SendAsync(new { action = "timer_start", id = upper });
        Assert.Equal(2, (await client.ReceiveTimerAsync()).Version);
    }

    /// <summary>Broken once: errors echoed the id as it was written.</summary>
    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Errors_too_echo_an_id_in_lower_case(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync(subprotocol);
        var run = Guid.Parse($"ABCDEF00{Guid.NewGuid().ToString()[8..]}");

        await client.SendAsync(new { action = "timer_stop", id = run.ToString().ToUpperInvariant() });

        Assert.Equal(run.ToString(), (await client.ReceiveErrorAsync("unknown_timer")).Id);
    }

    [Fact]
    public async Task Unknown_fields_are_ignored_and_null_is_left_out()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var client = await user.OpenAsync();
        var run = Guid.NewGuid();

        await client.SendTextAsync(
            $$"""
            { "headers": { "HX-Request": "true", "deep": [[[{}]]] }, "version": 99, "stopped_at": 12, "ID": 5, "odd": "\ud800",
              "action": "timer_start", "id": "{{run}}", "user_id": null, "started_at": null, "sent_at": null }
            """);

        var started = await client.ReceiveTimerAsync();
        Assert.Equal((run.ToString(), "running", 1), (started.Id, started.Status, started.Version));
        await client.SendTextAsync($$"""{"action":"timer_stop","id":"{{run}}","stopped_at":null,"started_at":"whenever"}""");
        Assert.Equal("stopped", (await client.ReceiveTimerAsync()).Status);
    }
}
