using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TimerSync.Infrastructure.Timers;

/// <summary>Times on the wire: RFC 3339, sent as UTC with milliseconds (CONTRACT.md, sections 2 and 6).</summary>
internal static class WireTime
{
    public const string Format = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    private const int DateTimeLength = 19; // "2025-09-15T20:15:00"
    private const int OffsetLength = 6;    // "+02:00"

    /// <summary>The clock's time, cut to whole milliseconds: what is stored is what is sent.</summary>
    public static DateTimeOffset GetUtcNowMilliseconds(this TimeProvider clock) =>
        DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());

    public static string ToText(DateTimeOffset time) => time.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);

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

/// <summary>Writes <see cref="WireTime.Format"/>; the default would write seven digits and an offset.</summary>
internal sealed class WireTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        WireTime.TryParse(reader.GetString(), out var time) ? time : throw new JsonException("Not an RFC 3339 time.");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        Span<char> text = stackalloc char[24];
        value.UtcDateTime.TryFormat(text, out var length, WireTime.Format, CultureInfo.InvariantCulture);
        writer.WriteStringValue(text[..length]);
    }
}
