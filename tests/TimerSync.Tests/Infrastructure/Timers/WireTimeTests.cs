using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Infrastructure.Timers;

/// <summary>Times on the wire: CONTRACT.md, sections 2 and 6, and RFC 3339.</summary>
public sealed class WireTimeTests
{
    [Theory]
    [InlineData("2025-09-15T20:15:00Z", "2025-09-15T20:15:00.000Z")]
    [InlineData("2025-09-15t20:15:00z", "2025-09-15T20:15:00.000Z")] // 5.6: both letters may be lower case
    [InlineData("2025-09-15T20:15:00.1Z", "2025-09-15T20:15:00.100Z")]
    [InlineData("2025-09-15T20:15:00.12Z", "2025-09-15T20:15:00.120Z")]
    [InlineData("2025-09-15T20:15:00.123Z", "2025-09-15T20:15:00.123Z")]
    [InlineData("2025-09-15T20:15:00.1239Z", "2025-09-15T20:15:00.123Z")] // cut, not rounded
    [InlineData("2025-09-15T20:15:00.99999999999999999999999999999999Z", "2025-09-15T20:15:00.999Z")]
    [InlineData("2025-09-15T20:15:00+02:00", "2025-09-15T18:15:00.000Z")]
    [InlineData("2025-09-15T20:15:00.5-03:30", "2025-09-15T23:45:00.500Z")]
    [InlineData("2025-09-15T20:15:00+00:00", "2025-09-15T20:15:00.000Z")]
    [InlineData("2025-09-15T20:15:00-00:00", "2025-09-15T20:15:00.000Z")] // 4.3: UTC, local offset unknown
    [InlineData("2025-09-15T20:15:00+23:59", "2025-09-14T20:16:00.000Z")] // more than the 14 hours that .NET's type takes
    [InlineData("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z")]
    [InlineData("2025-01-01T00:30:00+01:00", "2024-12-31T23:30:00.000Z")]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z")]
    [InlineData("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z")]
    public void RFC_3339_is_read_and_written_as_UTC_with_milliseconds(string text, string written)
    {
        Assert.True(WireTime.TryParse(text, out var time));
        Assert.Equal(TimeSpan.Zero, time.Offset);
        Assert.Equal(written, WireTime.ToText(time));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Z")]
    [InlineData("2025-09-15")]
    [InlineData("20:15:00Z")]
    [InlineData("2025-09-15T20:15:00")] // no zone
    [InlineData("2025-09-15T20:15:00.123")]
    [InlineData("2025-09-15T20:15Z")] // no seconds
    [InlineData("2025-09-15 20:15:00Z")]
    [InlineData("2025-09-15T20:15:00.Z")]
    [InlineData("2025-09-15T20:15:00,5Z")] // ISO 8601, not RFC 3339
    [InlineData("2025-09-15T20:15:00.5")]
    [InlineData("2025-09-15T20:15:00. 5Z")]
    [InlineData("2025-09-15T20:15:00+0200")]
    [InlineData("2025-09-15T20:15:00+02")]
    [InlineData("2025-09-15T20:15:00+2:00")]
    [InlineData("2025-09-15T20:15:00+24:00")]
    [InlineData("2025-09-15T20:15:00+02:60")]
    [InlineData("2025-09-15T20:15:00+02:00Z")]
    [InlineData("2025-09-15T20:15:00ZZ")]
    [InlineData("2025-09-15T20:15:00Z ")]
    [InlineData(" 2025-09-15T20:15:00Z")]
    [InlineData("2025-09-15T24:00:00Z")]
    [InlineData("2025-09-15T20:60:00Z")]
    [InlineData("2025-02-29T20:15:00Z")]
    [InlineData("2025-13-01T20:15:00Z")]
    [InlineData("2025-00-01T20:15:00Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("+2025-09-15T20:15:00Z")]
    [InlineData("12025-09-15T20:15:00Z")]
    [InlineData("20250915T201500Z")]
    [InlineData("2025-9-15T20:15:00Z")]
    [InlineData("2025-09-15T20:15:00 UTC")]
    [InlineData("Mon, 15 Sep 2025 20:15:00 GMT")]
    [InlineData("\u0662\u0660\u0662\u0665-09-15T20:15:00Z")] // digits, but not ASCII ones
    [InlineData("0001-01-01T00:00:00+00:01")] // before the calendar
    [InlineData("9999-12-31T23:59:59-00:01")] // after it
    public void Anything_else_is_refused(string text) => Assert.False(WireTime.TryParse(text, out _));

    [Fact]
    public void The_clock_is_cut_to_milliseconds()
    {
        var clock = new FixedClock(new DateTimeOffset(2025, 9, 15, 20, 15, 0, TimeSpan.Zero).AddTicks(1239999));

        Assert.Equal("2025-09-15T20:15:00.123Z", WireTime.ToText(clock.GetUtcNowMilliseconds()));
        Assert.Equal(123, clock.GetUtcNowMilliseconds().Millisecond);
        Assert.Equal(0, clock.GetUtcNowMilliseconds().Microsecond);
    }

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
