using System.Globalization;
using System.Text;

namespace TimerSync.Infrastructure.Timers;

/// <summary>Times on the wire: RFC 3339, sent as UTC with milliseconds (CONTRACT.md, sections 2 and 6).</summary>
internal static class WireTime
{
    /// <summary>What <see cref="ToText(DateTimeOffset, Span{byte})"/> wants: the framework's own format, "O", has seven digits.</summary>
    public const int TextBytes = 28;

    private const int Length = 24;         // "2025-09-15T20:15:00.000Z"
    private const int DateTimeLength = 19; // "2025-09-15T20:15:00"
    private const int OffsetLength = 6;    // "+02:00"

    /// <summary>The clock's time, cut to whole milliseconds: what is stored is what is sent.</summary>
    public static DateTimeOffset GetUtcNowMilliseconds(this TimeProvider clock) =>
        DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());

    public static string ToText(DateTimeOffset time) => Encoding.ASCII.GetString(ToText(time, stackalloc byte[TextBytes]));

    /// <summary>"O" cut to three digits: a format of one's own takes several times as long.</summary>
    /// <param name="time">Any.</param>
    /// <param name="buffer">Of <see cref="TextBytes"/>.</param>
    /// <returns>The part of the buffer that was written.</returns>
    public static ReadOnlySpan<byte> ToText(DateTimeOffset time, Span<byte> buffer)
    {
        time.UtcDateTime.TryFormat(buffer, out _, "O", CultureInfo.InvariantCulture);
        buffer[Length - 1] = (byte)'Z';
        return buffer[..Length];
    }

    /// <summary>Reads an RFC 3339 date-time: any number of fraction digits (cut to milliseconds), zone required.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length <= DateTimeLength || text[10] is not ('T' or 't')
            || !DateOnly.TryParseExact(text[..10], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            || !TimeOnly.TryParseExact(text[11..DateTimeLength], "HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out var timeOfDay)
            || !TryParseFraction(text[DateTimeLength..], out var milliseconds, out var zone)
            || !TryParseZone(zone, out var offset))
        {
            return false;
        }

        // Added up as a number: an offset at either end of the calendar would overflow a DateTimeOffset.
        var unixMilliseconds = new DateTimeOffset(date.ToDateTime(timeOfDay), TimeSpan.Zero).ToUnixTimeMilliseconds()
            + milliseconds - (long)offset.TotalMilliseconds;
        if (unixMilliseconds < DateTimeOffset.MinValue.ToUnixTimeMilliseconds()
            || unixMilliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
        {
            return false;
        }

        time = DateTimeOffset.FromUnixTimeMilliseconds(unixMilliseconds);
        return true;
    }

    private static bool TryParseFraction(ReadOnlySpan<char> text, out int milliseconds, out ReadOnlySpan<char> rest)
    {
        milliseconds = 0;
        rest = text;
        if (text[0] != '.')
        {
            return true;
        }

        var digits = text[1..].IndexOfAnyExceptInRange('0', '9');
        if (digits < 1)
        {
            return false;
        }

        for (int i = 0, weight = 100; i < Math.Min(digits, 3); i++, weight /= 10)
        {
            milliseconds += (text[1 + i] - '0') * weight;
        }

        rest = text[(1 + digits)..];
        return true;
    }

    private static bool TryParseZone(ReadOnlySpan<char> text, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        if (text is "Z" or "z")
        {
            return true;
        }

        if (text.Length != OffsetLength || text[0] is not ('+' or '-')
            || !TimeOnly.TryParseExact(text[1..], "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var size))
        {
            return false;
        }

        offset = text[0] == '-' ? -size.ToTimeSpan() : size.ToTimeSpan();
        return true;
    }
}
