using System.Globalization;
using Microsoft.Playwright;
using TimerSync.Tests;
using static Microsoft.Playwright.Assertions;

namespace TimerSync.EndToEnd;

/// <summary>
/// Hundreds of changes arrive from elsewhere while a person is at the page: no character, focus, selection or click is lost.
/// <c>TIMERSYNC_REMOTE_CHANGES</c> says how many; <c>test.sh --full</c> a thousand.
/// </summary>
public sealed class UnderTheHandsTests(Stack stack) : EndToEndTest(stack)
{
    private static readonly int Changes = int.Parse(
        Environment.GetEnvironmentVariable("TIMERSYNC_REMOTE_CHANGES") ?? "200", CultureInfo.InvariantCulture);

    private const int Before = 2;
    private const string Typed = "What was I about to write? ";

    // Beside the timer, as a page might have it: a menu that is open, with a field in it.
    private const string OpenMenu = """
        () => {
          const menu = document.createElement('details');
          menu.open = true;
          menu.append(Object.assign(document.createElement('summary'), { textContent: 'Menu' }),
            Object.assign(document.createElement('input'), { ariaLabel: 'Note', value: '[]' }));
          document.getElementById('timer').after(menu);
          menu.lastChild.focus();
          menu.lastChild.setSelectionRange(1, 1);
          window.blurs = 0;
          menu.lastChild.onblur = () => window.blurs++;
        }
        """;

    private const string Select = """
        () => {
          getSelection().setBaseAndExtent(document.querySelector('.user').firstChild, 2, document.getElementById('status').firstChild, 4);
          const { anchorNode, focusNode } = getSelection();
          window.isSelected = () => getSelection().anchorNode === anchorNode && getSelection().anchorOffset === 2
            && getSelection().focusNode === focusNode && getSelection().focusOffset === 4;
          window.blurs = 0;
          window.before = document.getElementById('toggle');
          window.before.focus();
          window.before.onblur = () => window.blurs++;
        }
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_a_person_types_in_an_open_menu_no_character_is_lost_and_the_caret_stays(bool isDesktop)
    {
        var (user, timer) = await OpenAsync(isDesktop);
        await using var elsewhere = await Elsewhere.ConnectAsync(user);
        await timer.Page.EvaluateAsync(OpenMenu);

        var changing = elsewhere.ChangeAsync(Changes);
        var typed = "";
        while (!changing.IsCompleted)
        {
            await timer.Page.Keyboard.TypeAsync(Typed);
            typed += Typed;
        }

        await changing;
        await timer.ShowsVersionAsync(Before + Changes);
        var field = timer.Page.GetByRole(AriaRole.Textbox, new() { Name = "Note" });
        await Expect(field).ToHaveValueAsync($"[{typed}]");
        await Expect(field).ToBeFocusedAsync();
        Assert.Equal(typed.Length + 1, await field.EvaluateAsync<int>("field => field.selectionEnd"));
        Assert.Equal(0, await timer.Page.EvaluateAsync<int>("() => window.blurs"));
        await timer.ShowsLiveAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_button_keeps_the_focus_a_selection_stays_and_a_press_among_them_counts_once(bool isDesktop)
    {
        var (user, timer) = await OpenAsync(isDesktop);
        await using var elsewhere = await Elsewhere.ConnectAsync(user);
        await timer.ShowsVersionAsync(Before);
        await timer.ShowsStoppedAsync();
        await timer.Page.EvaluateAsync(Select); // from the name to the state, across the clock

        await elsewhere.ChangeAsync(Changes / 2);
        await timer.ShowsVersionAsync(Before + Changes / 2);
        Assert.True(await timer.Page.EvaluateAsync<bool>("() => window.isSelected()"), "The selection is lost.");
        var changing = elsewhere.ChangeAsync(Changes / 2);
        await timer.Page.Keyboard.PressAsync("Enter");
        await timer.ShowsRunningAsync();
        await changing;

        await timer.ShowsVersionAsync(Before + Changes + 1);
        await timer.ShowsRunningAsync();
        await Expect(timer.Toggle).ToBeFocusedAsync();
        Assert.True(await timer.Toggle.EvaluateAsync<bool>("button => button === window.before && window.blurs === 0"));
        Assert.Equal(Before + Changes + 1, (int)(await user.GetTimerAsync())["version"]!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pointer_held_down_on_the_button_is_one_press_when_it_is_let_go(bool isDesktop)
    {
        var (user, timer) = await OpenAsync(isDesktop);
        await using var elsewhere = await Elsewhere.ConnectAsync(user);
        await timer.ShowsVersionAsync(Before);
        await timer.Toggle.EvaluateAsync("button => { window.clicks = 0; button.addEventListener('click', () => window.clicks++); }");
        await timer.Toggle.HoverAsync();
        await timer.Page.Mouse.DownAsync();

        await elsewhere.StartAndStopAsync(Changes); // the word under the pointer changes each time
        await timer.ShowsVersionAsync(Before + Changes);
        await timer.ShowsStoppedAsync();
        Assert.Equal(0, await timer.Page.EvaluateAsync<int>("() => window.clicks"));
        await timer.Page.Mouse.UpAsync();

        await timer.ShowsRunningAsync();
        await timer.ShowsVersionAsync(Before + Changes + 1);
        Assert.Equal(1, await timer.Page.EvaluateAsync<int>("() => window.clicks"));
        Assert.Equal(Before + Changes + 1, (int)(await user.GetTimerAsync())["version"]!);
    }

    private async Task<(TestUser User, TimerPage Timer)> OpenAsync(bool isDesktop)
    {
        var server = await StartServerAsync(("Socket:CommandsPerSecond", "100000"), ("Socket:CommandBurst", "100000"));
        var user = await SignUpAsync(server);
        return (user, isDesktop ? (await OpenDesktopTimerAsync(user)).Timer : await OpenTimerAsync(user));
    }

    /// <summary>The same person on another device, whose every command changes something that all others hear of.</summary>
    private sealed class Elsewhere : IAsyncDisposable
    {
        private readonly SocketClient _socket;
        private readonly Guid _run = Guid.NewGuid();
        private readonly DateTimeOffset _startedAt = DateTimeOffset.UtcNow.AddHours(-1);
        private DateTimeOffset _stoppedAt = DateTimeOffset.UtcNow.AddMinutes(-1);

        private Elsewhere(SocketClient socket) => _socket = socket;

        /// <summary>Starts a run, an hour ago, and stops it a minute ago.</summary>
        public static async Task<Elsewhere> ConnectAsync(TestUser user)
        {
            var elsewhere = new Elsewhere(await user.ConnectAsync());
            await elsewhere._socket.ReceiveAsync("timer_updated");
            await elsewhere.SendAsync(socket => socket.SendAsync(new { action = "timer_start", id = elsewhere._run, started_at = elsewhere._startedAt }));
            await elsewhere.ChangeAsync(1);
            return elsewhere;
        }

        /// <summary>Stops that run again and again, each time a little earlier.</summary>
        public async Task ChangeAsync(int times)
        {
            for (var change = 0; change < times; change++)
            {
                _stoppedAt = _stoppedAt.AddMilliseconds(-100);
                await SendAsync(socket => socket.StopAsync(_run, _stoppedAt));
            }
        }

        public async Task StartAndStopAsync(int times)
        {
            for (var change = 0; change < times / 2; change++)
            {
                var id = Guid.NewGuid();
                await SendAsync(socket => socket.StartAsync(id));
                await SendAsync(socket => socket.StopAsync(id));
            }
        }

        public ValueTask DisposeAsync() => _socket.DisposeAsync();

        /// <summary>And hears of it, so that no change is skipped for coming too fast.</summary>
        private async Task SendAsync(Func<SocketClient, Task> send)
        {
            await send(_socket);
            await _socket.ReceiveAsync("timer_updated");
        }
    }
}
