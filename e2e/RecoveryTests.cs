using System.Globalization;

namespace TimerSync.EndToEnd;

/// <summary>
/// How long it takes until a window shows the right thing again, measured inside the window: from the moment that the network
/// or the server is back, or that the device wakes up. The browser is told nothing of it, unless the test says so.
/// </summary>
[Collection(Alone.Name)]
public sealed class RecoveryTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RightWithin = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_pulled_cable_shows_within_10_seconds_and_2_seconds_after_another_network_is_there_all_is_right()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var here = await OpenTimerAsync(user, network.Address);
        var (_, desktop) = await OpenDesktopTimerAsync(user, network.Address);
        var there = await OpenTimerAsync(user);
        var shown = await ShownLog.StartAsync(here);
        var shownOnDesktop = await ShownLog.StartAsync(desktop);

        var pulledAt = DateTimeOffset.UtcNow;
        network.Swallow();
        await there.StartAsync();
        Judge("\"Reconnecting\" after a pulled cable", await shown.TakesAsync(pulledAt, "Reconnecting"), NoticedWithin);
        Judge("\"Reconnecting\" after a pulled cable, desktop", await shownOnDesktop.TakesAsync(pulledAt, "Reconnecting"), NoticedWithin);
        await there.ReachesAsync(11);

        var backAt = DateTimeOffset.UtcNow;
        network.ForgetConnections();
        Judge("right after a network swap", await shown.TakesAsync(backAt, "Live", "Running", version: 1), RightWithin);
        Judge("right after a network swap, desktop", await shownOnDesktop.TakesAsync(backAt, "Live", "Running", version: 1), RightWithin);
    }

    [Fact]
    public async Task Two_seconds_after_a_server_is_back_all_is_right_however_long_it_was_away()
    {
        AllowLostConnections();
        var server = await StartServerAsync();
        var user = await SignUpAsync(server);
        var here = await OpenTimerAsync(user);
        var (_, desktop) = await OpenDesktopTimerAsync(user);
        await desktop.StartAsync();
        await here.ShowsRunningAsync();
        var shown = await ShownLog.StartAsync(here);
        var shownOnDesktop = await ShownLog.StartAsync(desktop);

        await server.KillAsync();
        await here.ReachesAsync(await here.ReadSecondsAsync() + 9);
        await here.StopAsync();
        await here.ShowsWaitingAsync("Stopped");
        await server.StartAgainAsync();
        var backAt = DateTimeOffset.UtcNow;

        Judge("right after a server's restart", await shown.TakesAsync(backAt, "Live", "Stopped", version: 2), RightWithin);
        Judge("right after a server's restart, desktop", await shownOnDesktop.TakesAsync(backAt, "Live", "Stopped", version: 2), RightWithin);
    }

    /// <summary>All processes stand still, and what the network does meanwhile they do not hear: so it is when a device sleeps.</summary>
    [Fact]
    public async Task Two_seconds_after_a_device_wakes_up_all_is_right()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var (user, folder) = (await SignUpAsync(), CreateFolder());
        var there = await OpenTimerAsync(user);
        var here = await new LoginPage(await OpenProfileAsync(folder, network.Address)).SignInAsync(user.Name, user.Password);
        var (window, desktop) = await OpenDesktopTimerAsync(user, network.Address);
        var shown = await ShownLog.StartAsync(here);
        var shownOnDesktop = await ShownLog.StartAsync(desktop);
        int[] processes = [Processes.Find(folder), await window.GetProcessIdAsync()];

        DateTimeOffset wokenAt;
        SignalAll("STOP");
        try
        {
            network.Swallow();
            await there.StartAsync();
            await there.ReachesAsync(9);
            network.ForgetConnections();
        }
        finally
        {
            wokenAt = DateTimeOffset.UtcNow;
            SignalAll("CONT");
        }

        Judge("right after sleep", await shown.TakesAsync(wokenAt, "Live", "Running", version: 1), RightWithin);
        Judge("right after sleep, desktop", await shownOnDesktop.TakesAsync(wokenAt, "Live", "Running", version: 1), RightWithin);

        void SignalAll(string name) => Array.ForEach(processes, process => Processes.SignalTree(process, name));
    }

    [Fact]
    public async Task Two_seconds_after_the_shell_is_told_that_the_device_woke_up_all_is_right()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var there = await OpenTimerAsync(user);
        var (window, here) = await OpenDesktopTimerAsync(user, network.Address);
        var shown = await ShownLog.StartAsync(here);
        network.Swallow();
        await there.StartAsync();
        await there.ShowsRunningAsync();
        network.ForgetConnections();

        var wokenAt = DateTimeOffset.UtcNow;
        await window.EmitPowerAsync("resume", Cancellation);
        Judge("right after the shell's resume", await shown.TakesAsync(wokenAt, "Live", "Running", version: 1), RightWithin);
    }

    [Theory]
    [InlineData("document", "resume")]
    [InlineData("window", "online")]
    [InlineData("navigator.connection", "change")]
    public async Task Two_seconds_after_the_browser_says_that_it_woke_up_or_changed_networks_all_is_right(string target, string name)
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var there = await OpenTimerAsync(user);
        var here = await OpenTimerAsync(user, network.Address);
        var shown = await ShownLog.StartAsync(here);
        network.Swallow();
        await there.StartAsync();
        await there.ShowsRunningAsync();
        network.ForgetConnections();

        var toldAt = DateTimeOffset.UtcNow;
        await here.Page.EvaluateAsync($"() => {target}.dispatchEvent(new Event('{name}'))");
        Judge($"right after \"{name}\"", await shown.TakesAsync(toldAt, "Live", "Running", version: 1), RightWithin);
    }

    private static void Judge(string what, TimeSpan took, TimeSpan max)
    {
        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {took.TotalSeconds:F2} s"));
        Assert.InRange(took, TimeSpan.Zero, max);
    }
}
