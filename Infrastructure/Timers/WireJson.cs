using System.Text.Json;
using System.Text.Json.Serialization;

namespace TimerSync.Infrastructure.Timers;

/// <summary>JSON of the contract: snake_case, nulls written, times as RFC 3339 with milliseconds.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TimerSnapshot))]
[JsonSerializable(typeof(CommandError))]
internal sealed partial class WireJson : JsonSerializerContext;

/// <summary>
/// CONTRACT.md, section 2. By hand: the serializer asks for each property of its own accord, and boxes it, in twice the time
/// (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
internal sealed class TimerSnapshotConverter : JsonConverter<TimerSnapshot>
{
    /// <exception cref="NotSupportedException">Always: a snapshot is what the server says.</exception>
    public override TimerSnapshot Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, TimerSnapshot value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        if (value.Id is { } id)
        {
            writer.WriteString("id"u8, id);
        }
        else
        {
            writer.WriteNull("id"u8);
        }

        writer.WriteString("user_id"u8, value.UserId);
        writer.WriteString("status"u8, value.Status == TimerStatus.Running ? "running"u8 : "stopped"u8);
        WriteTime(writer, "started_at"u8, value.StartedAt);
        WriteTime(writer, "stopped_at"u8, value.StoppedAt);
        WriteTime(writer, "updated_at"u8, value.UpdatedAt);
        writer.WriteNumber("version"u8, value.Version);
        writer.WriteString("epoch"u8, value.Epoch);
        WriteTime(writer, "server_time"u8, value.ServerTime);
        writer.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            Span<byte> text = stackalloc byte[WireTime.TextBytes];
            writer.WriteString(name, WireTime.ToText(time, text));
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
