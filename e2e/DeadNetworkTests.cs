namespace TimerSync.EndToEnd;

/// <summary>Networks that fail without saying so: "Live" must not stand there for long, and no press may get lost or count twice.</summary>
public sealed class DeadNetworkTests(Stack stack) : EndToEndTest(stack)
{
    private const float NoticedWithinMs = 10_000;
    private const float BackWithinMs = 12_000;

    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_dead_network_is_noticed_within_10_seconds_and_its_return_too(bool isRunning)
    {
        AllowLostConnections();
        var network = StartNetwork();
        var timer = await OpenTimerAsync(await SignUpAsync(), network.Address);
        if (isRunning)
        {
            await timer.StartAsync();
            await timer.ShowsRunningAsync();
        }

        network.Swallow();
        await timer.ShowsReconnectingAsync(NoticedWithinMs);
        network.DeliverAll();
        await timer.ShowsLiveAsync(BackWithinMs);
    }

    [Fact]
    public async Task Connections_that_a_router_forgot_are_given_up()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        network.Swallow();
        await here.ShowsReconnectingAsync(NoticedWithinMs);
        await there.StartAsync();
        await there.ReachesAsync(2); // the page tries again meanwhile, into the void

        network.ForgetConnections();
        await here.ShowsLiveAsync(BackWithinMs);
        await here.ShowsRunningAsync();
    }

    [Fact]
    public async Task A_press_into_a_dead_network_waits_and_counts_once_though_it_arrives_twice()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);

        network.Swallow();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running"); // it went out, but nobody has confirmed it
        await here.ShowsReconnectingAsync(NoticedWithinMs);
        await there.ShowsStoppedAsync();

        network.DeliverAll();
        await here.ShowsLiveAsync(BackWithinMs);
        await here.ShowsRunningAsync();
        await there.ShowsRunningAsync();
        await there.ShowsVersionAsync(1);
        var timer = await user.GetTimerAsync();
        Assert.Equal(1, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);
        Assert.Equal(2, CountSent(here, "timer_start"));
    }

    [Fact]
    public async Task On_a_slow_network_a_press_shows_at_once()
    {
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        network.Delay = OneSecond;

        // Within the click itself: no machine is slow enough to excuse a button that waits for the network.
        Assert.Equal("Stop", await here.Toggle.EvaluateAsync<string>("button => { button.click(); return button.textContent; }"));
        await there.ShowsRunningAsync();
        await here.ShowsRunningAsync();
        await here.ShowsLiveAsync();
    }
}
