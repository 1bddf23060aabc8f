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

    /// <summary>At the edge of a second; what CONTRACT.md, section 4 calls the same second.</summary>
    private static readonly TimeSpan ApartMax = TimeSpan.FromMilliseconds(100);

    private DigitLog(TimerPage timer) => _timer = timer;

    /// <summary>Looks at two windows for so long, while the timer runs: they must never be apart for more than <see cref="ApartMax"/>.</summary>
    public static async Task AgreeAsync(TimerPage one, TimerPage other, int seconds)
    {
        var (longest, seen) = await MeasureAsync(one, other, seconds);
        Assert.True(seen >= seconds - 1, $"Only {seen} seconds were seen in both.");
        Assert.True(longest <= ApartMax, $"The windows showed different seconds for {longest.TotalMilliseconds:F0} ms.");
    }

    /// <summary>The longest time that two windows showed different seconds, and how many seconds were seen in both.</summary>
    public static async Task<(TimeSpan Longest, int Seconds)> MeasureAsync(TimerPage one, TimerPage other, int seconds)
    {
        var log = await StartAsync(one);
        var otherLog = await StartAsync(other);
        var end = await other.ReadSecondsAsync() + seconds;
        await one.ReachesAsync(end);
        await other.ReachesAsync(end);

        return await CompareAsync(log, otherLog);
    }

    private static async Task<DigitLog> StartAsync(TimerPage timer)
    {
        await timer.Page.EvaluateAsync(Start);
        return new DigitLog(timer);
    }

    private static async Task<(TimeSpan Longest, int Seconds)> CompareAsync(DigitLog one, DigitLog other)
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
