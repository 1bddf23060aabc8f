using System.Text.Json;

namespace TimerSync.EndToEnd;

/// <summary>When a window's digits change, written down inside the window.</summary>
public sealed class DigitLog
{
    // Not Date.now(): some tests put that wrong. The same on all windows of a machine, to a fraction of a millisecond.
    private const string Start = """
        () => {
          const clock = document.querySelector('[data-testid=elapsed]');
          const flips = window.digitLog = [];
          new MutationObserver(() => flips.push({ digits: clock.textContent, at: performance.timeOrigin + performance.now() }))
            .observe(clock, { childList: true, characterData: true, subtree: true });
        }
        """;

    private readonly TimerPage _timer;

    private DigitLog(TimerPage timer) => _timer = timer;

    public static async Task<DigitLog> StartAsync(TimerPage timer)
    {
        await timer.Page.EvaluateAsync(Start);
        return new DigitLog(timer);
    }

    /// <summary>The longest time that two windows showed different seconds while the timer ran, and in how many seconds both were seen.</summary>
    public static async Task<(TimeSpan Longest, int Seconds)> CompareAsync(DigitLog one, DigitLog other)
    {
        var flips = await one.ReadAsync();
        var others = await other.ReadAsync();
        var apart = flips.Join(others, flip => flip.Digits, flip => flip.Digits, (here, there) => Math.Abs(here.At - there.At), StringComparer.Ordinal).ToArray();
        return (TimeSpan.FromMilliseconds(apart.DefaultIfEmpty().Max()), apart.Length);
    }

    private async Task<IReadOnlyList<Flip>> ReadAsync() =>
        (await _timer.Page.EvaluateAsync<JsonElement>("() => window.digitLog")).Deserialize<List<Flip>>(JsonSerializerOptions.Web)!;

    private sealed record Flip(string Digits, double At);
}
