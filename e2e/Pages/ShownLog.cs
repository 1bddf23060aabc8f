using System.Text.Json;

namespace TimerSync.EndToEnd;

/// <summary>What a window shows, and since when, written down inside the window.</summary>
public sealed class ShownLog
{
    // Not Date.now(): some tests put that wrong. The same on all windows of a machine, to a fraction of a millisecond.
    private const string Start = """
        () => {
          const text = id => document.querySelector(`[data-testid=${id}]`).textContent;
          const shown = window.shownLog = [];
          const note = () => shown.push({
            connection: text('connection'), status: text('status'), version: Number(document.getElementById('timer').dataset.version),
            at: performance.timeOrigin + performance.now(),
          });
          new MutationObserver(note).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true });
          note();
        }
        """;

    private const string Find = """
        ({ since, connection, status, version }) => window.shownLog.find(one => one.at >= since && one.connection === connection
          && (status === '' || one.status === status) && one.version >= version)?.at ?? 0
        """;

    private readonly TimerPage _timer;

    private ShownLog(TimerPage timer) => _timer = timer;

    public static async Task<ShownLog> StartAsync(TimerPage timer)
    {
        await timer.Page.EvaluateAsync(Start);
        return new ShownLog(timer);
    }

    /// <summary>How long after a moment the window first showed this.</summary>
    /// <param name="since">The moment.</param>
    /// <param name="connection">Text of the connection.</param>
    /// <param name="status">Text of the state; any when left out.</param>
    /// <param name="version">Of the timer, at least.</param>
    public async Task<TimeSpan> TakesAsync(DateTimeOffset since, string connection, string status = "", int version = 0)
    {
        var wanted = new { since = Milliseconds(since), connection, status, version };
        var found = await _timer.Page.WaitForFunctionAsync(Find, wanted, new() { PollingInterval = 50 });
        return TimeSpan.FromMilliseconds(await found.JsonValueAsync<double>() - wanted.since);
    }

    /// <summary>How often the window lost its connection.</summary>
    public async Task<int> CountLossesAsync() => (await _timer.Page.EvaluateAsync<JsonElement>("""
        () => window.shownLog.filter((one, index) => one.connection !== 'Live' && window.shownLog[index - 1]?.connection === 'Live').length
        """)).GetInt32();

    private static double Milliseconds(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).TotalMilliseconds;
}
