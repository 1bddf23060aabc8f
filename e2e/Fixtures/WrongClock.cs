using System.Globalization;

namespace TimerSync.EndToEnd;

/// <summary>Sets the clock of one window, by way of its <c>Date</c>.</summary>
public static class WrongClock
{
    public const int OneHourAheadMs = 3_600_000;
    public const int SevenMinutesBehindMs = -420_000;

    public static Task SetAsync(TimerPage timer, int shiftMs) =>
        timer.Page.EvaluateAsync<object?>(string.Create(CultureInfo.InvariantCulture, $"() => window.shiftClock({shiftMs})"));

    /// <returns>How far it is off, in milliseconds.</returns>
    public static Task<int> ReadAsync(TimerPage timer) =>
        timer.Page.EvaluateAsync<int>("() => Math.round(Date.now() - performance.timeOrigin - performance.now())");

    /// <summary>The wall clock alone: the monotonic one does not know what time it is.</summary>
    public static string Script(int milliseconds) => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          const RealDate = Date;
          let shift = {{milliseconds}};
          window.shiftClock = milliseconds => { shift = milliseconds; };
          window.Date = class extends RealDate {
            constructor(...parts) { parts.length ? super(...parts) : super(RealDate.now() + shift); }
            static now() { return RealDate.now() + shift; }
          };
        }
        """);
}
