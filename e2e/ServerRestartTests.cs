using TimerSync.Tests;

namespace TimerSync.EndToEnd;

/// <summary>The server dies and comes back; what is pressed meanwhile counts from the moment that it was pressed.</summary>
public sealed class ServerRestartTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_press_while_the_server_is_dead_is_sent_once_when_it_is_back()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var here = await OpenTimerAsync(user);
        var there = await OpenTimerAsync(user);

        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        await there.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running");
        await here.ReachesAsync(2);
        await there.ShowsStoppedAsync();

        await server.StartAgainAsync();
        await here.ShowsLiveAsync();
        await there.ShowsLiveAsync();
        await here.ShowsRunningAsync();
        await there.ShowsRunningAsync();
        await there.ShowsVersionAsync(1);
        var timer = await user.GetTimerAsync();
        Assert.Equal(1, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);
        Assert.Equal(1, CountSent(here, "timer_start"));
        await here.StopAsync();
        await there.ShowsStoppedAsync();
    }

    [Fact]
    public async Task Several_presses_while_the_server_is_dead_keep_their_order_and_moments()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var here = await OpenTimerAsync(user);
        await server.KillAsync();
        await here.ShowsReconnectingAsync();

        await here.StartAsync();
        await here.ShowsWaitingAsync("Running");
        await here.ReachesAsync(1);
        await here.StopAsync();
        await here.ShowsWaitingAsync("Stopped");
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running");
        await here.ReachesAsync(1);

        await server.StartAgainAsync();
        await here.ShowsLiveAsync();
        await here.ShowsRunningAsync();
        await here.ShowsVersionAsync(3);
        var timer = await user.GetTimerAsync();
        Assert.Equal(3, (int)timer["version"]!);
        Assert.Equal("running", (string)timer["status"]!);
        pressed.Holds(timer["started_at"], OneSecond);
        Assert.Equal(2, CountSent(here, "timer_start"));
        Assert.Equal(1, CountSent(here, "timer_stop"));
    }

    /// <summary>Sent all at once they would be a flood, closed with 4429 and sent again, for ever.</summary>
    [Fact]
    public async Task More_presses_than_the_server_takes_at_once_are_all_stored()
    {
        const int Presses = 131;
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var here = await OpenTimerAsync(user);
        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        await here.Page.EvaluateAsync("presses => { for (let i = 0; i < presses; i++) document.getElementById('toggle').click(); }", Presses);
        await here.ShowsWaitingAsync("Running");

        await server.StartAgainAsync();
        await here.ShowsLiveAsync();
        await here.ShowsVersionAsync(Presses, timeoutMs: 60_000); // ten a second
        await here.ShowsRunningAsync();
        Assert.Equal(Presses, CountSent(here, "timer_start") + CountSent(here, "timer_stop"));
    }

    [Fact]
    public async Task A_timer_runs_on_while_the_server_is_dead_and_can_be_stopped()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var here = await OpenTimerAsync(user);
        await here.StartAsync();
        await here.ShowsRunningAsync();

        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        await here.ReachesAsync(3);
        var pressed = await Interval.OfAsync(here.StopAsync);
        await here.ShowsWaitingAsync("Stopped");
        var digits = await here.Clock.InnerTextAsync();

        await server.StartAgainAsync();
        await here.ShowsLiveAsync();
        await here.ShowsStoppedAsync();
        await here.ShowsDigitsAsync(digits);
        await here.ShowsVersionAsync(2);
        var timer = await user.GetTimerAsync();
        Assert.Equal(2, (int)timer["version"]!);
        pressed.Holds(timer["stopped_at"], OneSecond);
    }

    [Fact]
    public async Task A_press_outlives_its_tab()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var here = await OpenTimerAsync(user);
        var context = here.Page.Context;
        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running");
        await here.Page.CloseAsync();

        await server.StartAgainAsync();
        Assert.Equal(0, (int)(await user.GetTimerAsync())["version"]!);
        var again = await OpenTabAsync(context, server.Address);
        await again.ShowsLiveAsync();
        await again.ShowsRunningAsync();
        await again.ShowsVersionAsync(1);
        var timer = await user.GetTimerAsync();
        Assert.Equal(1, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);

        // It is gone from the outbox: nothing is sent a second time.
        await again.Page.ReloadAsync();
        await again.ShowsLiveAsync();
        await again.ShowsRunningAsync();
        Assert.Equal(1, CountSent(again, "timer_start"));
    }

    [Fact]
    public async Task A_press_outlives_its_browser()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var folder = CreateFolder();
        var page = await OpenProfileAsync(folder, server.Address);
        var here = await new LoginPage(page).SignInAsync(user.Name, user.Password);
        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running");
        await CloseAsync(page.Context);

        await server.StartAgainAsync();
        page = await OpenProfileAsync(folder, server.Address);
        var again = await new LoginPage(page).SignInAsync(user.Name, user.Password); // the cookie lived as long as the browser
        await again.ShowsRunningAsync();
        await again.ShowsVersionAsync(1);
        var timer = await user.GetTimerAsync();
        Assert.Equal(1, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);
    }

    [Fact]
    public async Task Somebody_elses_waiting_press_is_not_sent()
    {
        AllowLostConnections();
        var (server, user) = await StartAsync();
        var other = await SignUpAsync(server);
        var here = await OpenTimerAsync(user);
        var context = here.Page.Context;
        await server.KillAsync();
        await here.ShowsReconnectingAsync();
        await here.StartAsync();
        await here.ShowsWaitingAsync("Running");
        await here.Page.CloseAsync();
        await server.StartAgainAsync();

        await context.ClearCookiesAsync();
        var login = new LoginPage((await OpenTabAsync(context, server.Address)).Page);
        var others = await login.SignInAsync(other.Name, other.Password);
        await others.ShowsStoppedAsync();
        await others.StartAsync();
        await others.ShowsRunningAsync();
        await others.ShowsVersionAsync(1);
        Assert.Equal(1, CountSent(others, "timer_start"));
        Assert.Equal(0, (int)(await user.GetTimerAsync())["version"]!);

        // It still waits for the one who pressed.
        login = await others.SignOutAsync();
        var mine = await login.SignInAsync(user.Name, user.Password);
        await mine.ShowsRunningAsync();
        await mine.ShowsVersionAsync(1);
        Assert.Equal(1, (int)(await user.GetTimerAsync())["version"]!);
    }

    private async Task<(TimerSyncServer Server, TestUser User)> StartAsync()
    {
        var server = await StartServerAsync();
        return (server, await SignUpAsync(server));
    }
}
