using System.Buffers;
using System.Text.Json;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.SyncSocket;

/// <summary>Events for programs: <c>{"event": …, "payload": …}</c> (CONTRACT.md, section 3).</summary>
internal sealed class JsonSubprotocol : ISubprotocol
{
    private const int EventBytes = 1024;

    // Kept, for what they allocate in between is several times an event.
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? s_json;

    public string Name => "timersync.v1.json";

    public int Index => 0;

    public Task<ReadOnlyMemory<byte>> EncodeAsync(ServerEvent serverEvent)
    {
        var buffer = s_buffer ??= new ArrayBufferWriter<byte>(EventBytes);
        var json = s_json ??= new Utf8JsonWriter(buffer);
        buffer.ResetWrittenCount();
        json.Reset(buffer); // whatever an event before, which failed, may have left
        json.WriteStartObject();
        switch (serverEvent)
        {
            case TimerUpdated timer:
                json.WriteString("event"u8, "timer_updated"u8);
                json.WritePropertyName("payload"u8);
                JsonSerializer.Serialize(json, timer.Snapshot, WireJson.Default.TimerSnapshot);
                break;
            case ErrorEvent error:
                json.WriteString("event"u8, "error"u8);
                json.WritePropertyName("payload"u8);
                JsonSerializer.Serialize(json, error.Error, WireJson.Default.CommandError);
                break;
            case Pong pong:
                json.WriteString("event"u8, "pong"u8);
                json.WriteStartObject("payload"u8);
                json.WritePropertyName("sent_at"u8);
                json.WriteRawValue(pong.SentAt ?? "null");
                json.WriteString("server_time"u8, WireTime.ToText(pong.ServerTime));
                json.WriteEndObject();
                break;
            default:
                throw new ArgumentException($"{serverEvent.GetType().Name} has no JSON form.", nameof(serverEvent));
        }

        json.WriteEndObject();
        json.Flush();
        return Task.FromResult<ReadOnlyMemory<byte>>(buffer.WrittenSpan.ToArray());
    }
}
