using System.Net.Http.Headers;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>Signing in and out, tabs, and coming back.</summary>
public sealed class SigningInTests(Stack stack) : EndToEndTest(stack)
{
    private const string Unauthorized = @"^console error: Failed to load resource: the server responded with a status of 401 \(Unauthorized\) \(\S+/login\b";

    [Fact]
    public async Task A_reload_keeps_the_timer()
    {
        var timer = await OpenTimerAsync(await SignUpAsync());
        await timer.StartAsync();
        await timer.ShowsDigitsAsync("00:00:01");

        await timer.Page.ReloadAsync();
        await timer.ShowsRunningAsync();
        await timer.ShowsLiveAsync();
        await timer.ShowsDigitsAsync("00:00:03");

        await timer.StopAsync();
        await timer.ShowsStoppedAsync();
        var digits = await timer.Clock.InnerTextAsync();
        await timer.Page.ReloadAsync();
        await timer.ShowsStoppedAsync();
        await timer.ShowsDigitsAsync(digits);
    }

    [Fact]
    public async Task A_second_tab_needs_no_second_login()
    {
        var timer = await OpenTimerAsync(await SignUpAsync());
        await timer.StartAsync();

        var second = await OpenTabAsync(timer);
        await second.ShowsRunningAsync();
        await second.ShowsLiveAsync();
        await second.StopAsync();
        await timer.ShowsStoppedAsync();
    }

    [Fact]
    public async Task Signing_out_shows_the_login_form_in_all_tabs_and_signing_in_the_timer()
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        var second = await OpenTabAsync(timer);
        await second.ShowsLiveAsync();
        await timer.StartAsync();
        await second.ShowsRunningAsync();

        var login = await timer.SignOutAsync();
        await new LoginPage(second.Page).IsShownAsync();
        Assert.Empty(await timer.Page.Context.CookiesAsync());

        await login.SignInAsync(user.Name, user.Password);
        await timer.ShowsRunningAsync();
        await second.Page.ReloadAsync();
        await second.ShowsRunningAsync();
    }

    [Fact]
    public async Task Signing_out_leaves_other_browsers_alone()
    {
        var user = await SignUpAsync();
        var one = await OpenTimerAsync(user);
        var other = await OpenTimerAsync(user);

        await one.SignOutAsync();
        await other.StartAsync();
        await other.ShowsRunningAsync();
        await other.ShowsLiveAsync();
    }

    [Fact]
    public async Task A_wrong_password_is_announced_and_the_name_kept()
    {
        Allow(Unauthorized);
        var user = await SignUpAsync();
        var login = await OpenBrowserAsync();
        await Expect(login.Username).ToBeFocusedAsync();

        await login.SubmitAsync(user.Name, "not the password");
        await Expect(login.Alert).ToHaveTextAsync("Wrong username or password.");
        await Expect(login.Username).ToHaveValueAsync(user.Name);
        await Expect(login.Password).ToBeFocusedAsync();
        await Expect(login.Password).ToHaveValueAsync("");

        await login.Page.Keyboard.TypeAsync(user.Password);
        await login.Page.Keyboard.PressAsync("Enter");
        await new TimerPage(login.Page).ShowsLiveAsync();
    }

    [Fact]
    public async Task The_first_login_makes_the_account()
    {
        var name = $"new-{Guid.NewGuid():N}";
        var login = await OpenBrowserAsync();
        var timer = await login.SignInAsync(name, "a password of mine");
        await timer.ShowsStoppedAsync();
        await Expect(timer.Page.GetByText(name, new() { Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_session_that_ended_elsewhere_shows_the_login_form()
    {
        var user = await SignUpAsync();
        var timer = await OpenTimerAsync(user);
        var cookie = Assert.Single(await timer.Page.Context.CookiesAsync());
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Strict, cookie.SameSite);
        Assert.Equal(-1, cookie.Expires);

        using var client = user.Server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", cookie.Value);
        using var answer = await client.PostAsync(new Uri("/logout", UriKind.Relative), content: null, Cancellation);
        answer.EnsureSuccessStatusCode();

        await new LoginPage(timer.Page).IsShownAsync();
    }

    [Fact]
    public async Task Nothing_of_a_session_is_kept_where_script_could_read_it()
    {
        var timer = await OpenTimerAsync(await SignUpAsync());
        await timer.StartAsync();
        await timer.ShowsRunningAsync();
        Assert.Equal("", await timer.Page.EvaluateAsync<string>("() => document.cookie"));
        Assert.Equal(0, await timer.Page.EvaluateAsync<int>("() => localStorage.length + sessionStorage.length"));
    }

    [Fact]
    public async Task Without_script_one_can_sign_in_and_see_the_timer()
    {
        var user = await SignUpAsync();
        var login = await OpenBrowserAsync(options: new() { JavaScriptEnabled = false });
        await login.SubmitAsync(user.Name, user.Password);
        var timer = new TimerPage(login.Page);
        await timer.ShowsStoppedAsync();
        await Expect(timer.Clock).ToHaveTextAsync("00:00:00");
    }

    [Fact]
    public async Task A_server_that_is_away_at_the_login_is_said()
    {
        AllowLostConnections();
        var network = StartNetwork();
        var user = await SignUpAsync();
        var login = await OpenBrowserAsync(network.Address);
        network.Cut();
        await login.SubmitAsync(user.Name, user.Password);
        await Expect(login.Alert).ToContainTextAsync("Can't reach the server");
        await Expect(login.Username).ToHaveValueAsync(user.Name);

        network.Restore();
        await login.SignInButton.ClickAsync();
        await new TimerPage(login.Page).ShowsLiveAsync();
    }
}
