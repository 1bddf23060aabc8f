namespace TimerSync.EndToEnd;

/// <summary>
/// Pressed here without a connection, there with one: the one rule of CONTRACT.md, section 3 decides, and both windows show
/// what it says.
/// </summary>
public sealed class ConflictTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Of_two_starts_the_later_is_the_timer_though_the_earlier_arrives_last()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        network.Cut();
        await here.ShowsReconnectingAsync();
        await here.StartAsync();
        await here.ReachesAsync(2);
        var pressed = await Interval.OfAsync(there.StartAsync);
        await there.ShowsRunningAsync();

        network.Restore();
        await here.ShowsLiveAsync();
        await here.ShowsRunningAsync();
        await there.ShowsRunningAsync();
        await there.ShowsVersionAsync(2);
        var timer = await user.GetTimerAsync();
        Assert.Equal(2, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);
        await AgreeAsync(here, there);
    }

    [Fact]
    public async Task Of_two_stops_the_earlier_counts_though_it_arrives_last()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        await here.StartAsync();
        await there.ShowsRunningAsync();
        network.Cut();
        await here.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(here.StopAsync);
        await here.ShowsWaitingAsync("Stopped");
        var digits = await here.Clock.InnerTextAsync();
        var stopped = await here.ReadSecondsAsync();
        await there.ReachesAsync(stopped + 3);
        await there.StopAsync();
        await there.ShowsStoppedAsync();

        network.Restore();
        await here.ShowsLiveAsync();
        await here.ShowsStoppedAsync();
        await there.ShowsVersionAsync(3);
        await there.ShowsDigitsAsync(digits);
        await here.ShowsDigitsAsync(digits);
        pressed.Holds((await user.GetTimerAsync())["stopped_at"], OneSecond);
    }

    [Fact]
    public async Task A_stop_that_waited_does_not_stop_the_next_run()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        await here.StartAsync();
        await there.ShowsRunningAsync();
        network.Cut();
        await here.ShowsReconnectingAsync();
        await here.StopAsync();
        await here.ShowsWaitingAsync("Stopped");
        await there.StopAsync();
        await there.ShowsStoppedAsync();
        await there.StartAsync();
        await there.ShowsRunningAsync();

        network.Restore();
        await here.ShowsLiveAsync();
        await here.ShowsRunningAsync();
        await there.ShowsRunningAsync();
        await AgreeAsync(here, there);
    }

    [Fact]
    public async Task Two_starts_at_the_same_moment_are_one_timer_in_both_windows()
    {
        var user = await SignUpAsync();
        var network = StartNetwork();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user, network.Address);
        network.Delay = OneSecond; // neither hears of the other before pressing
        await Task.WhenAll(here.StartAsync(), there.StartAsync());
        await here.ShowsVersionAsync(2);
        await there.ShowsVersionAsync(2);
        network.Delay = TimeSpan.Zero;
        await here.ShowsRunningAsync();
        await there.ShowsRunningAsync();
        await AgreeAsync(here, there);
    }

    /// <summary>Both windows show the run that the server has, from the same moment on.</summary>
    private static async Task AgreeAsync(TimerPage here, TimerPage there)
    {
        await there.StopAsync();
        await here.ShowsStoppedAsync();
        await there.ShowsStoppedAsync();
        await there.ShowsDigitsAsync(await here.Clock.InnerTextAsync());
    }
}
