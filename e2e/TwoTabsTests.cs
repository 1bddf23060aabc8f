using System.Globalization;
using TimerSync.Tests;

namespace TimerSync.EndToEnd;

/// <summary>Two tabs of one browser: neither takes the other's connection, and both show what was pressed in one.</summary>
public sealed class TwoTabsTests(Stack stack) : EndToEndTest(stack)
{
    private const string MinutesVariable = "TIMERSYNC_TWO_TABS_MINUTES";
    private const int Reconnects = 5;
    private const int QuietSeconds = 10;

    [Fact]
    public async Task Two_tabs_that_reconnect_never_evict_each_other()
    {
        AllowLostConnections();
        var server = await StartServerAsync(("Socket:ConnectionsPerUser", "4"));
        var network = StartNetwork(server);
        var one = await OpenTimerAsync(await SignUpAsync(server), network.Address);
        var other = await OpenTabAsync(one);
        await other.ShowsLiveAsync();
        for (var reconnect = 0; reconnect < Reconnects; reconnect++)
        {
            network.Cut();
            await one.ShowsReconnectingAsync();
            await other.ShowsReconnectingAsync();
            network.Restore();
            await one.ShowsLiveAsync();
            await other.ShowsLiveAsync();
        }

        await StayConnectedAsync(one, other, QuietSeconds);
    }

    /// <summary>An hour, or as many minutes as <c>TIMERSYNC_TWO_TABS_MINUTES</c> says.</summary>
    [Fact(Explicit = true)]
    public async Task Two_tabs_for_an_hour_never_evict_each_other()
    {
        var minutes = int.Parse(Environment.GetEnvironmentVariable(MinutesVariable) ?? "60", CultureInfo.InvariantCulture);
        var one = await OpenTimerAsync(await SignUpAsync());
        await StayConnectedAsync(one, await OpenTabAsync(one), minutes * 60);
    }

    [Fact]
    public async Task What_is_pressed_in_one_tab_without_connection_shows_in_the_other_and_can_be_stopped_there()
    {
        AllowLostConnections();
        var (network, user, one, other) = await OpenTwoTabsWithoutConnectionAsync();
        var started = await Interval.OfAsync(one.StartAsync);
        await other.ShowsWaitingAsync("Running");
        var stopped = await Interval.OfAsync(other.StopAsync);
        await one.ShowsWaitingAsync("Stopped");

        network.Restore();
        foreach (var tab in new[] { one, other })
        {
            await tab.ShowsLiveAsync();
            await tab.ShowsVersionAsync(2);
            await tab.ShowsStoppedAsync();
        }

        var timer = await user.GetTimerAsync();
        Assert.Equal(2, (int)timer["version"]!);
        started.Holds(timer["started_at"], TimeSpan.FromSeconds(1));
        stopped.Holds(timer["stopped_at"], TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_press_outlives_its_tab_in_one_that_was_open_already()
    {
        AllowLostConnections();
        var (network, user, one, other) = await OpenTwoTabsWithoutConnectionAsync();
        var pressed = await Interval.OfAsync(one.StartAsync);
        await other.ShowsWaitingAsync("Running");
        await one.Page.CloseAsync();

        network.Restore();
        await other.ShowsLiveAsync();
        await other.ShowsVersionAsync(1);
        await other.ShowsRunningAsync();
        Assert.Equal(1, CountSent(other, "timer_start"));
        pressed.Holds((await user.GetTimerAsync())["started_at"], TimeSpan.FromSeconds(1));
    }

    private async Task<(TcpProxy Network, TestUser User, TimerPage One, TimerPage Other)> OpenTwoTabsWithoutConnectionAsync()
    {
        var network = StartNetwork();
        var user = await SignUpAsync();
        var one = await OpenTimerAsync(user, network.Address);
        var other = await OpenTabAsync(one);
        await other.ShowsLiveAsync();
        network.Cut();
        await one.ShowsReconnectingAsync();
        await other.ShowsReconnectingAsync();
        return (network, user, one, other);
    }

    private static async Task StayConnectedAsync(TimerPage one, TimerPage other, int seconds)
    {
        await one.StartAsync();
        await other.ShowsRunningAsync();
        var (shown, shownInOther) = (await ShownLog.StartAsync(one), await ShownLog.StartAsync(other));
        await one.Page.WaitForFunctionAsync(
            "end => performance.now() >= end", await one.Page.EvaluateAsync<double>("seconds => performance.now() + seconds * 1000", seconds),
            new() { PollingInterval = 500, Timeout = 0 }); // what is waited for is time itself
        Assert.Equal(0, await shown.CountLossesAsync());
        Assert.Equal(0, await shownInOther.CountLossesAsync());
        await other.StopAsync();
        await one.ShowsStoppedAsync();
        await one.ShowsLiveAsync();
    }
}
