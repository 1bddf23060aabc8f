using System.Globalization;
using Microsoft.Playwright;

namespace TimerSync.EndToEnd;

/// <summary>
/// From the press of the button in one window to the other window's next frame, browser and desktop shell, both ways. It
/// measures and judges nothing: <c>e2e/press-to-pixel.sh</c> runs it.
/// </summary>
[Collection(Alone.Name)]
public sealed class PressToPixel(Stack stack) : EndToEndTest(stack)
{
    private const int PressesEachWay = 50;
    private const int WarmUpPresses = 6;
    private const int DigitSeconds = 20;

    // Stamps of two processes are compared: each page tells how far its own clock is from the machine's wall clock, which
    // is the same for both. Date.now() is cut to whole milliseconds, so its middle is taken, over many samples.
    private const string Prepare = """
        async () => {
          const samples = [];
          for (let sample = 0; sample < 200; sample++) {
            samples.push(Date.now() + 0.5 - performance.timeOrigin - performance.now());
            await new Promise(resolve => setTimeout(resolve, 0.5 + Math.random()));
          }
          const skew = samples.reduce((sum, one) => sum + one, 0) / samples.length;
          const stamp = () => performance.timeOrigin + performance.now() + skew;
          window.presses = [];
          window.pixels = [];
          document.addEventListener('click', event => {
            if (event.target.closest('[data-testid=toggle]')) presses.push(performance.timeOrigin + event.timeStamp + skew);
          }, { capture: true });
          const status = document.querySelector('[data-testid=status]');
          let shown = status.textContent;
          new MutationObserver(() => {
            if (status.textContent === shown) return;
            shown = status.textContent;
            requestAnimationFrame(() => pixels.push(stamp()));
          }).observe(status, { childList: true, characterData: true, subtree: true });
          return skew;
        }
        """;

    [Fact(Explicit = true)]
    public async Task Measure()
    {
        var user = await SignUpAsync();
        var browser = await OpenTimerAsync(user);
        var (_, desktop) = await OpenDesktopTimerAsync(user);
        var skew = await browser.Page.EvaluateAsync<double>(Prepare);
        var desktopSkew = await desktop.Page.EvaluateAsync<double>(Prepare);
        Print($"clocks of the pages against the wall clock: browser {skew:F2} ms, desktop {desktopSkew:F2} ms (allowed for below)");

        await PressAsync(browser, desktop, WarmUpPresses);
        await PressAsync(desktop, browser, WarmUpPresses);
        var there = await PressAsync(browser, desktop, PressesEachWay);
        var back = await PressAsync(desktop, browser, PressesEachWay);

        await browser.StartAsync();
        await desktop.ShowsRunningAsync();
        var (apart, seconds) = await DigitLog.MeasureAsync(browser, desktop, DigitSeconds);

        Print(Describe("browser -> desktop", there));
        Print(Describe("desktop -> browser", back));
        Print(Describe("press to pixel", [.. there, .. back]));
        Print($"different seconds in the two windows: at most {apart.TotalMilliseconds:F1} ms in {seconds} s");
    }

    /// <summary>Presses in one window; the next press comes when the last is seen in both.</summary>
    /// <returns>Milliseconds, one for each press.</returns>
    private static async Task<double[]> PressAsync(TimerPage from, TimerPage to, int presses)
    {
        await ResetAsync(from.Page);
        await ResetAsync(to.Page);
        var version = await ReadVersionAsync(to.Page);
        for (var press = 1; press <= presses; press++)
        {
            await from.Toggle.ClickAsync();
            await from.ShowsVersionAsync(version + press);
            await to.ShowsVersionAsync(version + press);
            await to.Page.WaitForFunctionAsync("presses => pixels.length === presses", press);
        }

        var pressed = await from.Page.EvaluateAsync<double[]>("() => presses");
        var seen = await to.Page.EvaluateAsync<double[]>("() => pixels");
        Assert.Equal(presses, pressed.Length);
        Assert.Equal(presses, seen.Length);
        return [.. pressed.Zip(seen, (press, pixel) => pixel - press)];
    }

    private static Task<int> ReadVersionAsync(IPage page) =>
        page.EvaluateAsync<int>("() => Number(document.querySelector('[data-version]').dataset.version)");

    private static Task<bool> ResetAsync(IPage page) => page.EvaluateAsync<bool>("() => { presses = []; pixels = []; return true; }");

    private static string Describe(string name, double[] milliseconds)
    {
        var sorted = milliseconds.Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture,
            $"{name}: median {sorted[sorted.Length / 2]:F0} ms, p90 {sorted[sorted.Length * 9 / 10]:F0} ms, worst of {sorted.Length} {sorted[^1]:F0} ms");
    }

    private static void Print(FormattableString line) => Print(FormattableString.Invariant(line));

    private static void Print(string line) => TestContext.Current.TestOutputHelper!.WriteLine(line);
}
