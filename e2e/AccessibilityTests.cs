using System.Globalization;
using System.Net.Http.Json;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>The pages for everyone: axe finds nothing, they fit small screens, and they move no more than people want.</summary>
public sealed class AccessibilityTests(Stack stack) : EndToEndTest(stack)
{
    private const int DesktopWidth = 1280;
    private const int PhoneWidth = 390;
    private const int SmallestWidth = 320;

    [Theory]
    [InlineData(DesktopWidth, ColorScheme.Light)]
    [InlineData(DesktopWidth, ColorScheme.Dark)]
    [InlineData(PhoneWidth, ColorScheme.Light)]
    [InlineData(PhoneWidth, ColorScheme.Dark)]
    public async Task Axe_finds_nothing_on_any_page(int width, ColorScheme scheme)
    {
        AllowLostConnections();
        Allow("status of 401");
        var user = await SignUpAsync();
        var network = StartNetwork();
        var options = new BrowserNewContextOptions { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 800 } };
        var login = await OpenBrowserAsync(network.Address, options);
        await PassesAxeAsync(login.Page);

        await login.SubmitAsync(user.Name, "not the password");
        await Expect(login.Alert).Not.ToBeEmptyAsync();
        await PassesAxeAsync(login.Page);

        var timer = await login.SignInAsync(user.Name, user.Password);
        await timer.ShowsStoppedAsync();
        await PassesAxeAsync(timer.Page);

        await timer.StartAsync();
        await timer.ShowsRunningAsync();
        await PassesAxeAsync(timer.Page);

        network.Cut();
        await timer.ShowsReconnectingAsync();
        await PassesAxeAsync(timer.Page);
        await timer.StopAsync();
        await timer.ShowsWaitingAsync("Stopped");
        await PassesAxeAsync(timer.Page);
    }

    [Fact]
    public async Task Nothing_moves_for_those_who_want_less_motion()
    {
        var login = await OpenBrowserAsync(options: new() { ReducedMotion = ReducedMotion.Reduce });
        await MovesNothingAsync(login.Page);
        var user = await SignUpAsync();
        var timer = await login.SignInAsync(user.Name, user.Password);
        await timer.StartAsync();
        await timer.ShowsRunningAsync();
        await MovesNothingAsync(timer.Page);

        static async Task MovesNothingAsync(IPage page) => Assert.Empty(await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('*')].filter(element => {
              const style = getComputedStyle(element);
              const moves = durations => durations.split(',').some(one => parseFloat(one) > 0);
              return moves(style.animationDuration) || (style.transitionProperty !== 'none' && moves(style.transitionDuration));
            }).map(element => element.outerHTML)
            """));
    }

    [Fact]
    public async Task A_timer_of_five_days_fits_the_smallest_phone()
    {
        var user = await SignUpAsync();
        var login = await OpenBrowserAsync(options: new() { ViewportSize = new() { Width = SmallestWidth, Height = 568 } });
        await FitsAsync(login.Page);

        using var client = user.CreateClient();
        var start = new { action = "timer_start", id = Guid.NewGuid(), started_at = DateTimeOffset.UtcNow.AddDays(-5) };
        using var answer = await client.PostAsJsonAsync("/timers", start, Cancellation);
        answer.EnsureSuccessStatusCode();
        var timer = await login.SignInAsync(user.Name, user.Password);
        await timer.ShowsRunningAsync();
        await Expect(timer.Clock).ToContainTextAsync("120:00:");
        await FitsAsync(timer.Page);

        foreach (var width in new[] { PhoneWidth, DesktopWidth })
        {
            await timer.Page.SetViewportSizeAsync(width, 800);
            await FitsAsync(timer.Page);
        }
    }

    [Fact]
    public async Task The_login_form_is_filled_in_with_the_keyboard_alone()
    {
        var user = await SignUpAsync();
        var login = await OpenBrowserAsync();
        await Expect(login.Username).ToBeFocusedAsync();
        await login.Page.Keyboard.TypeAsync(user.Name);
        await login.Page.Keyboard.PressAsync("Tab");
        await Expect(login.Password).ToBeFocusedAsync();
        await login.Page.Keyboard.TypeAsync(user.Password);
        await login.Page.Keyboard.PressAsync("Tab");
        await Expect(login.SignInButton).ToBeFocusedAsync();
        await login.Page.Keyboard.PressAsync("Space");
        await new TimerPage(login.Page).ShowsLiveAsync();
    }

    private static async Task PassesAxeAsync(IPage page)
    {
        // A button that changes its colour has, for the moment, another contrast.
        await page.EvaluateAsync("() => Promise.all(document.getAnimations().map(one => one.finished.catch(() => {})))");
        var result = await page.RunAxe();
        Assert.Empty(result.Violations.Select(Describe));
    }

    private static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}: {string.Join("; ", violation.Nodes.Select(node => node.Html))}";

    /// <summary>No scrolling sideways, and nothing that is cut off.</summary>
    private static async Task FitsAsync(IPage page)
    {
        Assert.Empty(await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('main *')]
              .filter(element => element.checkVisibility() && getComputedStyle(element).position !== 'absolute')
              .filter(element => element.getBoundingClientRect().right > innerWidth + 0.5 || element.getBoundingClientRect().left < -0.5)
              .map(element => element.outerHTML)
            """));
        var width = page.ViewportSize!.Width.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(width, await page.EvaluateAsync<string>("() => String(document.scrollingElement.scrollWidth)"));
    }
}
