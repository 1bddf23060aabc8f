using System.Net;

namespace TimerSync.Tests.GetTimer;

/// <summary>CONTRACT.md, section 2.</summary>
public sealed class GetTimerTests(SharedServer shared, SharedUser one) : IClassFixture<SharedUser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_who_never_started_a_timer_has_a_stopped_one_at_version_0()
    {
        var timer = TimerShape.AssertIsTimer(await one.User.GetTimerAsync());

        Assert.Equal("stopped", (string?)timer["status"]);
        Assert.Equal(0, (long?)timer["version"]);
        Assert.Equal(one.User.Id, (string?)timer["user_id"]);
        foreach (var unset in new[] { "id", "started_at", "stopped_at", "updated_at" })
        {
            Assert.True(timer.ContainsKey(unset));
            Assert.Null(timer[unset]);
        }
    }

    [Fact]
    public async Task A_running_timer_has_a_start_and_no_stop_and_a_stopped_one_has_both()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        await using var socket = await user.ConnectAsync();
        await socket.ReceiveAsync("timer_updated");
        var id = Guid.NewGuid();
        var start = DateTimeOffset.UtcNow.AddMinutes(-10);

        await socket.StartAsync(id, start);
        await socket.ReceiveAsync("timer_updated");
        var running = TimerShape.AssertIsTimer(await user.GetTimerAsync());
        await socket.StopAsync(id, start.AddMinutes(5));
        await socket.ReceiveAsync("timer_updated");
        var stopped = TimerShape.AssertIsTimer(await user.GetTimerAsync());

        Assert.Equal((id.ToString(), "running", 1), ((string?)running["id"], (string?)running["status"], (long?)running["version"]));
        Assert.Null(running["stopped_at"]);
        Assert.Equal((id.ToString(), "stopped", 2), ((string?)stopped["id"], (string?)stopped["status"], (long?)stopped["version"]));
        Assert.Equal((string?)running["started_at"], (string?)stopped["started_at"]);
        Assert.Equal(TimeSpan.FromMinutes(5), (DateTimeOffset)stopped["stopped_at"]! - (DateTimeOffset)stopped["started_at"]!);
        Assert.Equal((string?)running["epoch"], (string?)stopped["epoch"]);
    }

    [Fact]
    public async Task The_server_time_is_now()
    {
        var before = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

        var timer = await one.User.GetTimerAsync();

        Assert.InRange((DateTimeOffset)timer["server_time"]!, before, DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task The_state_is_JSON_that_is_never_stored()
    {
        using var client = one.User.CreateClient();

        using var answer = await client.GetAsync("/timers", Cancellation);

        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
    }

    [Fact]
    public async Task Without_a_token_it_is_401()
    {
        using var client = shared.Server.CreateClient();

        using var answer = await client.GetAsync("/timers", Cancellation);

        await answer.ProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Another_user_has_another_timer_in_the_same_database()
    {
        var other = await TestUser.SignUpAsync(shared.Server);
        await using var socket = await other.ConnectAsync();
        await socket.ReceiveAsync("timer_updated");
        await socket.StartAsync(Guid.NewGuid());
        await socket.ReceiveAsync("timer_updated");

        var theirs = await other.GetTimerAsync();
        var mine = await one.User.GetTimerAsync();

        Assert.Equal(("running", "stopped"), ((string?)theirs["status"], (string?)mine["status"]));
        Assert.Equal((string?)theirs["epoch"], (string?)mine["epoch"]);
    }
}
