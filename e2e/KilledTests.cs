using TimerSync.Tests;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>A press, and then <c>kill -9</c> for the browser or the desktop shell: it is stored once, with its own moment.</summary>
public sealed class KilledTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Between_the_press_and_the_sending_of_it_the_browser_with_two_tabs()
    {
        AllowLostConnections();
        var (network, user, folder) = (StartNetwork(), await SignUpAsync(), CreateFolder());
        var here = await OpenInProfileAsync(folder, network, user);
        var tab = await OpenTabAsync(here);
        await tab.ShowsLiveAsync();
        network.Cut();
        await here.ShowsReconnectingAsync();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await here.ShowsWaitingAsync("Running");
        await KillAsync(here.Page.Context, folder);

        network.Restore();
        Assert.Equal(0, (int)(await user.GetTimerAsync())["version"]!);
        here = await OpenInProfileAsync(folder, network, user);
        await ShowsStoredOnceAsync(here, await OpenTabAsync(here), user, pressed);
        Assert.Equal(1, CountSent(here, "timer_start"));
    }

    [Fact]
    public async Task Between_the_sending_and_the_receipt_the_browser_with_two_tabs()
    {
        AllowLostConnections();
        var (network, user, folder) = (StartNetwork(), await SignUpAsync(), CreateFolder());
        var here = await OpenInProfileAsync(folder, network, user);
        var tab = await OpenTabAsync(here);
        await tab.ShowsLiveAsync();
        var elsewhere = await OpenTimerAsync(user);
        network.SwallowAnswers();
        var pressed = await Interval.OfAsync(here.StartAsync);
        await elsewhere.ShowsVersionAsync(1);
        await here.ShowsWaitingAsync("Running");
        await KillAsync(here.Page.Context, folder);

        network.ForgetConnections();
        here = await OpenInProfileAsync(folder, network, user);
        await ShowsStoredOnceAsync(here, await OpenTabAsync(here), user, pressed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Before_the_sending_or_before_the_receipt_the_desktop_shell(bool isSent)
    {
        AllowLostConnections();
        var (network, user, folder) = (StartNetwork(), await SignUpAsync(), CreateFolder());
        var elsewhere = await OpenTimerAsync(user);
        var (window, here) = await OpenDesktopTimerAsync(user, network.Address, folder);
        Interval pressed;
        if (isSent)
        {
            network.SwallowAnswers();
            pressed = await Interval.OfAsync(here.StartAsync);
            await elsewhere.ShowsVersionAsync(1);
        }
        else
        {
            network.Cut();
            await here.ShowsReconnectingAsync();
            pressed = await Interval.OfAsync(here.StartAsync);
        }

        await here.ShowsWaitingAsync("Running");
        await window.KillAsync();
        Assert.Equal(isSent ? 1 : 0, (int)(await user.GetTimerAsync())["version"]!);

        network.ForgetConnections();
        network.Restore();
        var (_, again) = await OpenDesktopTimerAsync(user, network.Address, folder);
        await ShowsStoredOnceAsync(again, elsewhere, user, pressed);
    }

    private async Task<TimerPage> OpenInProfileAsync(string folder, TcpProxy network, TestUser user)
    {
        var page = await OpenProfileAsync(folder, network.Address);
        var (login, timer) = (new LoginPage(page), new TimerPage(page));
        await Expect(login.SignInButton.Or(timer.Toggle)).ToBeVisibleAsync();
        return await timer.Toggle.IsVisibleAsync()
            ? timer // a browser that was killed may find its session cookie again
            : await login.SignInAsync(user.Name, user.Password);
    }

    private static async Task ShowsStoredOnceAsync(TimerPage one, TimerPage other, TestUser user, Interval pressed)
    {
        foreach (var window in new[] { one, other })
        {
            await window.ShowsLiveAsync();
            await window.ShowsRunningAsync();
            await window.ShowsVersionAsync(1);
        }

        // Whatever was on its way is there before what is pressed after it.
        await one.StopAsync();
        await other.ShowsVersionAsync(2);
        await other.ShowsStoppedAsync();
        var timer = await user.GetTimerAsync();
        Assert.Equal(2, (int)timer["version"]!);
        pressed.Holds(timer["started_at"], OneSecond);
    }
}
