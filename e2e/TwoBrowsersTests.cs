namespace TimerSync.EndToEnd;

/// <summary>One person, two browsers.</summary>
public sealed class TwoBrowsersTests(Stack stack) : EndToEndTest(stack)
{
    [Fact]
    public async Task Start_in_one_browser_and_stop_in_the_other_both_ways()
    {
        var user = await SignUpAsync();
        var one = await OpenTimerAsync(user);
        var other = await OpenTimerAsync(user);
        await one.ShowsStoppedAsync();
        await other.ShowsStoppedAsync();
        await one.ShowsDigitsAsync("00:00:00");

        await one.StartAsync();
        await other.ShowsRunningAsync();
        await one.ShowsRunningAsync();
        await other.ReachesAsync(1);

        await other.StopAsync();
        await one.ShowsStoppedAsync();
        await other.ShowsStoppedAsync();
        await other.ShowsDigitsAsync(await one.Clock.InnerTextAsync());

        await other.StartAsync();
        await one.ShowsRunningAsync();
        await one.StopAsync();
        await other.ShowsStoppedAsync();
        await one.ShowsVersionAsync(4);
        Assert.Equal(4, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Fact]
    public async Task A_browser_that_comes_later_shows_the_timer_that_runs()
    {
        var user = await SignUpAsync();
        var one = await OpenTimerAsync(user);
        await one.StartAsync();
        await one.ReachesAsync(2);

        var later = await OpenTimerAsync(user);
        await later.ShowsRunningAsync();
        await later.ReachesAsync(4);
        await later.StopAsync();
        await one.ShowsStoppedAsync();
        await later.ShowsDigitsAsync(await one.Clock.InnerTextAsync());
    }

    [Fact]
    public async Task Two_people_never_see_each_others_timer()
    {
        var one = await SignUpAsync();
        var other = await SignUpAsync();
        var onesTimer = await OpenTimerAsync(one);
        var othersTimer = await OpenTimerAsync(other);

        await onesTimer.StartAsync();
        await onesTimer.ReachesAsync(2);
        await othersTimer.ShowsStoppedAsync();
        await othersTimer.ShowsDigitsAsync("00:00:00");

        // What the other does comes after it on the wire: had anything been sent to the wrong one, it would be there by now.
        await othersTimer.StartAsync();
        await othersTimer.StopAsync();
        await othersTimer.ShowsStoppedAsync();
        await othersTimer.ShowsVersionAsync(2);
        await onesTimer.ShowsRunningAsync();
        Assert.Equal(1, (int)(await one.GetTimerAsync())["version"]!);
        Assert.Equal(2, (int)(await other.GetTimerAsync())["version"]!);
    }
}

/// <summary>The digits of two browsers, measured inside them.</summary>
[Collection(Alone.Name)]
public sealed class TwoBrowsersDigitsTests(Stack stack) : EndToEndTest(stack)
{
    [Fact]
    public async Task Two_browsers_never_show_different_seconds_for_longer_than_100_ms()
    {
        var user = await SignUpAsync();
        var one = await OpenTimerAsync(user);
        var other = await OpenTimerAsync(user);
        await one.StartAsync();
        await other.ShowsRunningAsync();
        await DigitLog.AgreeAsync(one, other, seconds: 6);
    }
}
