using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>Hands on the one button: keyboard and slips.</summary>
public sealed class PressingTests(Stack stack) : EndToEndTest(stack)
{
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
}
