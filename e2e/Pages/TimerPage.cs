using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>The timer, as CONTRACT.md, section 4 names its parts. Every <c>Shows…Async</c> waits.</summary>
public sealed partial class TimerPage(IPage page)
{
    public IPage Page => page;

    public ILocator Clock => page.GetByRole(AriaRole.Timer);

    public ILocator StartButton => page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true });

    public ILocator StopButton => page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true });

    public ILocator Toggle => page.GetByTestId("toggle");

    public ILocator Status => page.GetByTestId("status");

    public ILocator Connection => page.GetByRole(AriaRole.Status);

    public ILocator SignOutButton => page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true });

    public Task StartAsync() => StartButton.ClickAsync();

    public Task StopAsync() => StopButton.ClickAsync();

    public async Task ShowsRunningAsync()
    {
        await Expect(Status).ToHaveTextAsync("Running");
        await Expect(StopButton).ToBeVisibleAsync();
        await Expect(page).ToHaveTitleAsync(RunningTitle());
    }

    public async Task ShowsStoppedAsync()
    {
        await Expect(Status).ToHaveTextAsync("Stopped");
        await Expect(StartButton).ToBeVisibleAsync();
    }

    /// <summary>A press is shown at once, and that it waits.</summary>
    public async Task ShowsWaitingAsync(string status)
    {
        await Expect(Status).ToHaveTextAsync(new Regex($"^{status}, waiting", RegexOptions.None, TimeSpan.FromSeconds(1)));
        await Expect(status == "Running" ? StopButton : StartButton).ToBeVisibleAsync();
    }

    public Task ShowsLiveAsync(float? timeoutMs = null) => Expect(Connection).ToHaveTextAsync("Live", new() { Timeout = timeoutMs });

    public Task ShowsReconnectingAsync(float? timeoutMs = null) =>
        Expect(Connection).ToHaveTextAsync("Reconnecting", new() { Timeout = timeoutMs });

    public Task ShowsDigitsAsync(string digits) => Expect(Clock).ToHaveTextAsync(digits);

    /// <summary>What the clock shows now.</summary>
    public async Task<TimeSpan> ReadClockAsync()
    {
        var parts = (await Clock.InnerTextAsync()).Split(':').Select(part => int.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        return new TimeSpan(parts[0], parts[1], parts[2]);
    }

    public async Task<LoginPage> SignOutAsync()
    {
        await SignOutButton.ClickAsync();
        var login = new LoginPage(page);
        await login.IsShownAsync();
        return login;
    }

    [GeneratedRegex(@"^\d\d+:\d\d:\d\d · TimerSync$", RegexOptions.None, 1000)]
    private static partial Regex RunningTitle();
}
