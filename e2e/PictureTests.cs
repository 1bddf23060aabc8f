using System.Net.Http.Json;
using Microsoft.Playwright;
using TimerSync.Tests;

namespace TimerSync.EndToEnd;

/// <summary>The picture in the README, made of what the windows really show.</summary>
[Collection(Alone.Name)]
public sealed class PictureTests(Stack stack) : EndToEndTest(stack)
{
    private const string WriteVariable = "TIMERSYNC_WRITE_PICTURE";
    private const int PictureBytesMax = 200 * 1024;
    private const int BrowserWidth = 760;
    private const int Attempts = 10;

    private static readonly string PicturePath = Path.Combine(TimerSyncServer.RepositoryRoot, "docs", "timersync.png");

    [Fact]
    public async Task A_picture_of_a_browser_and_the_desktop_window_with_the_same_timer()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(WriteVariable) is { Length: > 0 }, $"Writes docs/timersync.png when {WriteVariable} is set.");
        var server = await StartServerAsync();
        var user = await TestUser.LogInAsync(server, "ada", TestUser.AnyPassword);
        using var client = user.CreateClient();
        var start = new { action = "timer_start", id = Guid.NewGuid(), started_at = DateTimeOffset.UtcNow.AddMinutes(-83).AddSeconds(-20) };
        using var answer = await client.PostAsJsonAsync("/timers", start, Cancellation);
        answer.EnsureSuccessStatusCode();

        var (_, desktop) = await OpenDesktopTimerAsync(user);
        var height = await desktop.Page.EvaluateAsync<int>("() => innerHeight");
        var browser = await OpenTimerAsync(user, options: new() { ViewportSize = new() { Width = BrowserWidth, Height = height } });
        await browser.ShowsRunningAsync();
        await desktop.ShowsRunningAsync();
        var (left, right) = await TakeBothAsync(browser, desktop);

        var page = await (await Stack.Browser.NewContextAsync()).NewPageAsync();
        await page.SetContentAsync($$"""
            <style>
              body { margin: 0; display: inline-flex; gap: 28px; padding: 28px; background: #dfe5ea; font: 13px system-ui, sans-serif; color: #4a5157; }
              figure { margin: 0; border-radius: 10px; overflow: hidden; background: #eceae4; box-shadow: 0 6px 24px #0003; }
              figcaption { padding: 9px 14px; text-align: center; }
              img { display: block; }
            </style>
            <figure><figcaption>a browser</figcaption><img src="data:image/png;base64,{{Convert.ToBase64String(left)}}"></figure>
            <figure><figcaption>the desktop window</figcaption><img src="data:image/png;base64,{{Convert.ToBase64String(right)}}"></figure>
            """);
        var picture = await page.Locator("body").ScreenshotAsync();
        await page.Context.CloseAsync();
        Assert.True(picture.Length < PictureBytesMax, $"The picture has {picture.Length} bytes.");
        Directory.CreateDirectory(Path.GetDirectoryName(PicturePath)!);
        await File.WriteAllBytesAsync(PicturePath, picture, Cancellation);
    }

    /// <summary>Both windows within one second of the clock.</summary>
    private static async Task<(byte[] One, byte[] Other)> TakeBothAsync(TimerPage one, TimerPage other)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var before = await one.ReadSecondsAsync();
            var pictures = await Task.WhenAll(TakeAsync(one.Page), TakeAsync(other.Page));
            if (before == await one.ReadSecondsAsync() && before == await other.ReadSecondsAsync())
            {
                return (pictures[0], pictures[1]);
            }
        }

        throw new TimeoutException("The windows are slower than their clocks.");
    }

    /// <summary>With the caret as it is: to hide it, Playwright would put a style into the page, which its policy refuses.</summary>
    private static Task<byte[]> TakeAsync(IPage page) => page.ScreenshotAsync(new() { Caret = ScreenshotCaret.Initial });
}
