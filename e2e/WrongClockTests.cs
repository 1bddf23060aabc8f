namespace TimerSync.EndToEnd;

/// <summary>A device whose clock is wrong, or is set while the page is open: it shows nowhere.</summary>
[Collection(Alone.Name)]
public sealed class WrongClockTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan OnlineErrorMax = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(WrongClock.OneHourAheadMs)]
    [InlineData(WrongClock.SevenMinutesBehindMs)]
    public async Task A_wrong_clock_shows_the_same_digits_and_stores_right_times(int shiftMs)
    {
        var user = await SignUpAsync();
        var wrong = await OpenTimerAsync(user, initScript: WrongClock.Script(shiftMs));
        var right = await OpenTimerAsync(user);
        Assert.Equal(shiftMs, await WrongClock.ReadAsync(wrong), tolerance: 1000);

        var pressed = await Interval.OfAsync(wrong.StartAsync);
        await right.ShowsRunningAsync();
        pressed.Holds((await user.GetTimerAsync())["started_at"], OnlineErrorMax);

        await DigitLog.AgreeAsync(wrong, right, seconds: 4);

        pressed = await Interval.OfAsync(wrong.StopAsync);
        await right.ShowsStoppedAsync();
        pressed.Holds((await user.GetTimerAsync())["stopped_at"], OnlineErrorMax);
        await wrong.ShowsDigitsAsync(await right.Clock.InnerTextAsync());
    }

    [Theory]
    [InlineData(WrongClock.OneHourAheadMs)]
    [InlineData(WrongClock.SevenMinutesBehindMs)]
    public async Task A_clock_that_is_set_while_the_page_is_open_changes_nothing(int shiftMs)
    {
        var user = await SignUpAsync();
        var wrong = await OpenTimerAsync(user, initScript: WrongClock.Script(0));
        var right = await OpenTimerAsync(user);
        await wrong.StartAsync();
        await right.ShowsRunningAsync();

        await WrongClock.SetAsync(wrong, shiftMs);
        var pressed = await Interval.OfAsync(wrong.StopAsync);
        await right.ShowsStoppedAsync();
        pressed.Holds((await user.GetTimerAsync())["stopped_at"], OnlineErrorMax);
        await wrong.StartAsync();
        await right.ShowsRunningAsync();
        await DigitLog.AgreeAsync(wrong, right, seconds: 4);
    }
}

/// <summary>The same while there is no connection; what is stored may then be wrong by a little more.</summary>
public sealed class WrongClockWithoutConnectionTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan OfflineErrorMax = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(WrongClock.OneHourAheadMs)]
    [InlineData(WrongClock.SevenMinutesBehindMs)]
    public async Task A_press_without_connection_on_a_wrong_clock_stores_right_times(int shiftMs)
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var wrong = await OpenTimerAsync(user, network.Address, initScript: WrongClock.Script(shiftMs));
        network.Cut();
        await wrong.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(wrong.StartAsync);
        await wrong.ReachesAsync(3);

        network.Restore();
        await wrong.ShowsLiveAsync();
        await wrong.ShowsRunningAsync();
        await wrong.ShowsVersionAsync(1);
        pressed.Holds((await user.GetTimerAsync())["started_at"], OfflineErrorMax);
    }

    [Theory]
    [InlineData(WrongClock.OneHourAheadMs, true)]
    [InlineData(WrongClock.OneHourAheadMs, false)]
    [InlineData(WrongClock.SevenMinutesBehindMs, true)]
    [InlineData(WrongClock.SevenMinutesBehindMs, false)]
    public async Task A_clock_that_is_set_while_there_is_no_connection_changes_nothing(int shiftMs, bool isSetBeforeThePress)
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var wrong = await OpenTimerAsync(user, network.Address, initScript: WrongClock.Script(0));
        network.Cut();
        await wrong.ShowsReconnectingAsync();
        if (isSetBeforeThePress)
        {
            await WrongClock.SetAsync(wrong, shiftMs);
        }

        var pressed = await Interval.OfAsync(wrong.StartAsync);
        await wrong.ReachesAsync(1);
        if (!isSetBeforeThePress)
        {
            await WrongClock.SetAsync(wrong, shiftMs);
        }

        await wrong.ReachesAsync(3);
        network.Restore();
        await wrong.ShowsLiveAsync();
        await wrong.ShowsRunningAsync();
        await wrong.ShowsVersionAsync(1);
        pressed.Holds((await user.GetTimerAsync())["started_at"], OfflineErrorMax);
    }
}
