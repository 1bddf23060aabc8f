using System.Net.Http.Json;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>Hands on the one button: keyboard, slips, and updates from elsewhere under the fingers.</summary>
public sealed class PressingTests(Stack stack) : EndToEndTest(stack)
{
    private const int Updates = 50;
    private const int Repeats = 20;

    [Fact]
    public async Task The_button_is_reached_with_tab_and_pressed_with_space_and_enter()
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        await timer.Page.Keyboard.PressAsync("Tab");
        await Expect(timer.SignOutButton).ToBeFocusedAsync();
        await timer.Page.Keyboard.PressAsync("Tab");
        await Expect(timer.Toggle).ToBeFocusedAsync();

        await timer.Page.Keyboard.PressAsync("Space");
        await timer.ShowsRunningAsync();
        await Expect(timer.Toggle).ToBeFocusedAsync();
        await timer.Page.Keyboard.PressAsync("Enter");
        await timer.ShowsStoppedAsync();
        await Expect(timer.Toggle).ToBeFocusedAsync();
        await timer.ShowsVersionAsync(2);
        Assert.Equal(2, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Theory]
    [InlineData("Enter")]
    [InlineData("Space")]
    public async Task A_key_held_down_is_one_press(string key)
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        await timer.Toggle.FocusAsync();
        for (var repeat = 0; repeat < Repeats; repeat++)
        {
            await timer.Page.Keyboard.DownAsync(key);
        }

        await timer.Page.Keyboard.UpAsync(key);
        await timer.ShowsRunningAsync();
        await timer.StopAsync();
        await timer.ShowsStoppedAsync();
        await timer.ShowsVersionAsync(2);
        Assert.Equal(2, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Fact]
    public async Task A_double_click_is_one_press()
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        await timer.Toggle.DblClickAsync();
        await timer.ShowsRunningAsync();
        await timer.Toggle.DblClickAsync();
        await timer.ShowsStoppedAsync();
        await timer.ShowsVersionAsync(2);
        Assert.Equal(2, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Fact]
    public async Task The_focus_stays_on_the_button_over_50_updates_from_elsewhere()
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        await timer.Toggle.FocusAsync();
        await timer.Toggle.EvaluateAsync("button => { window.before = button; window.blurs = 0; button.onblur = () => window.blurs++; }");

        using var client = user.CreateClient();
        for (var update = 0; update < Updates / 2; update++)
        {
            var id = Guid.NewGuid();
            using var start = await client.PostAsJsonAsync("/timers", new { action = "timer_start", id }, Cancellation);
            start.EnsureSuccessStatusCode();
            using var stop = await client.PostAsJsonAsync("/timers", new { action = "timer_stop", id }, Cancellation);
            stop.EnsureSuccessStatusCode();
        }

        await timer.ShowsVersionAsync(Updates);
        await timer.ShowsStoppedAsync();
        await Expect(timer.Toggle).ToBeFocusedAsync();
        Assert.True(await timer.Toggle.EvaluateAsync<bool>("button => button === window.before && window.blurs === 0"));
        await timer.Page.Keyboard.PressAsync("Enter");
        await timer.ShowsRunningAsync();
        await timer.ShowsVersionAsync(Updates + 1);
        Assert.Equal(Updates + 1, (int)(await user.GetTimerAsync())["version"]!);
    }
}
