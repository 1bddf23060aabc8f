using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>The login form, as CONTRACT.md, section 4 names its parts.</summary>
public sealed class LoginPage(IPage page)
{
    public IPage Page => page;

    public ILocator Username => page.GetByRole(AriaRole.Textbox, new() { Name = "Username", Exact = true });

    public ILocator Password => page.GetByRole(AriaRole.Textbox, new() { Name = "Password", Exact = true });

    public ILocator SignInButton => page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true });

    public ILocator Alert => page.GetByRole(AriaRole.Alert);

    /// <summary>Fills in the form and sends it.</summary>
    public async Task SubmitAsync(string name, string password)
    {
        await Username.FillAsync(name);
        await Password.FillAsync(password);
        await SignInButton.ClickAsync();
    }

    /// <summary>Signs in, up to the timer being live.</summary>
    public async Task<TimerPage> SignInAsync(string name, string password)
    {
        await SubmitAsync(name, password);
        var timer = new TimerPage(page);
        await timer.ShowsLiveAsync();
        return timer;
    }

    /// <summary>Waits until the form is there.</summary>
    public async Task IsShownAsync(float? timeoutMs = null)
    {
        await Expect(SignInButton).ToBeVisibleAsync(new() { Timeout = timeoutMs });
        await Expect(Username).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Timer)).ToHaveCountAsync(0);
    }
}
