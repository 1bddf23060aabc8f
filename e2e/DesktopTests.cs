using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>One person, a browser and the desktop shell in a real window.</summary>
public sealed partial class DesktopTests(Stack stack) : EndToEndTest(stack)
{
    [Fact]
    public async Task Start_in_the_browser_and_stop_in_the_desktop_window_both_ways()
    {
        var user = await SignUpAsync();
        var browser = await OpenTimerAsync(user);
        var (window, desktop) = await OpenDesktopTimerAsync(user);

        await browser.StartAsync();
        await desktop.ShowsRunningAsync();
        await WaitForTitleAsync(window, RunningTitle());
        await desktop.StopAsync();
        await browser.ShowsStoppedAsync();
        await desktop.ShowsDigitsAsync(await browser.Clock.InnerTextAsync());
        await WaitForTitleAsync(window, StoppedTitle());

        await desktop.StartAsync();
        await browser.ShowsRunningAsync();
        await browser.StopAsync();
        await desktop.ShowsStoppedAsync();
        await desktop.ShowsVersionAsync(4);
        Assert.Equal(4, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Fact]
    public async Task Signing_out_in_the_desktop_window_leaves_the_browser_alone_and_the_other_way_round()
    {
        var user = await SignUpAsync();
        var browser = await OpenTimerAsync(user);
        var (_, desktop) = await OpenDesktopTimerAsync(user);

        var login = await desktop.SignOutAsync();
        await browser.StartAsync();
        await browser.ShowsRunningAsync();
        await browser.ShowsLiveAsync();

        desktop = await login.SignInAsync(user.Name, user.Password);
        await desktop.ShowsRunningAsync();
        await browser.SignOutAsync();
        await desktop.StopAsync();
        await desktop.ShowsStoppedAsync();
        await desktop.ShowsLiveAsync();
    }

    [Fact]
    public async Task A_desktop_window_without_a_server_says_so_and_recovers_by_itself()
    {
        AllowLostConnections();
        Allow("Electron Security Warning .Insecure Content-Security-Policy."); // Chromium's error page, until the shell's own takes its place
        var server = await StartServerAsync();
        var user = await SignUpAsync(server);
        await server.KillAsync();

        var window = await OpenDesktopAsync(server.Address);
        await Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "No connection" })).ToBeVisibleAsync();
        await Expect(window.Page.Locator("meta[http-equiv=Content-Security-Policy]")).ToHaveCountAsync(1); // which has one
        await Expect(window.Page.GetByRole(AriaRole.Status)).ToContainTextAsync(server.Address.GetLeftPart(UriPartial.Authority));

        await server.StartAgainAsync();
        var desktop = await new LoginPage(window.Page).SignInAsync(user.Name, user.Password);
        await desktop.StartAsync();
        await desktop.ShowsRunningAsync();
    }

    [Fact]
    public async Task A_desktop_window_that_is_open_when_the_server_dies_keeps_its_timer_and_its_presses()
    {
        AllowLostConnections();
        var server = await StartServerAsync();
        var user = await SignUpAsync(server);
        var browser = await OpenTimerAsync(user);
        var (window, desktop) = await OpenDesktopTimerAsync(user);
        await desktop.StartAsync();
        await browser.ShowsRunningAsync();

        await server.KillAsync();
        await desktop.ShowsReconnectingAsync();
        await desktop.StopAsync();
        await desktop.ShowsWaitingAsync("Stopped");
        await WaitForTitleAsync(window, StoppedTitle());

        await server.StartAgainAsync();
        await desktop.ShowsLiveAsync();
        await desktop.ShowsStoppedAsync();
        await browser.ShowsStoppedAsync();
        await desktop.ShowsVersionAsync(2);
        Assert.Equal(2, (int)(await user.GetTimerAsync())["version"]!);
    }

    /// <summary>The window manager is told by the shell, some time after the page.</summary>
    private static async Task WaitForTitleAsync(ElectronWindow window, Regex expected)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        timeout.CancelAfter(TimeSpan.FromSeconds(15));
        string titles;
        do
        {
            titles = await window.ReadTitlesAsync(timeout.Token);
        }
        while (!expected.IsMatch(titles));
    }

    [GeneratedRegex(@"^\d\d:\d\d:\d\d · TimerSync$", RegexOptions.Multiline, 1000)]
    private static partial Regex RunningTitle();

    [GeneratedRegex("^Stopped · TimerSync$", RegexOptions.Multiline, 1000)]
    private static partial Regex StoppedTitle();
}
