using System.Buffers;
using System.Text;
using System.Text.Json;

namespace TimerSync.Infrastructure.Timers;

/// <summary>
/// One message of a client, read and checked (CONTRACT.md, sections 3 and 6): a command, a ping, or what is wrong with it.
/// The same for both socket subprotocols and for <c>POST /timers</c>.
/// </summary>
internal sealed class ClientMessage
{
    /// <summary>The longest message, in bytes, inclusive.</summary>
    public const int BytesMax = 4096;

    /// <summary>A press may be sent this much later, at most.</summary>
    public static readonly TimeSpan PressAgeMax = TimeSpan.FromDays(7);

    /// <summary>A client's clock that is further off than this has its times shifted.</summary>
    public static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromSeconds(2);

    private const int UuidLength = 36;

    private static readonly SearchValues<char> s_uuidCharacters = SearchValues.Create("0123456789abcdefABCDEF-");

    private string? _action;
    private string? _id;

    private ClientMessage()
    {
    }

    /// <summary>The press, when it is a valid one.</summary>
    public TimerCommand? Command { get; private set; }

    /// <summary>Whether it is a ping.</summary>
    public bool IsPing { get; private set; }

    /// <summary>A ping's <c>sent_at</c>: a JSON number, echoed as it came, or null.</summary>
    public string? PingSentAt { get; private set; }

    /// <summary>What is wrong with it; null when nothing is.</summary>
    public CommandError? Refusal { get; private set; }

    /// <summary>Echoes the id as all ids are written, in lower case; one that is no UUID, as it was sent.</summary>
    public CommandError Error(string code, string message) =>
        new(code, message, _action, TryReadId(_id, out var id) ? id.ToString("D") : _id);

    /// <summary>Reads one message. Never throws for bad input: see <see cref="Refusal"/>.</summary>
    /// <param name="utf8">The whole message.</param>
    /// <param name="userId">The token's user.</param>
    /// <param name="now">When it was received.</param>
    public static ClientMessage Parse(ReadOnlySpan<byte> utf8, string userId, DateTimeOffset now)
    {
        var message = new ClientMessage();
        try
        {
            message.Refusal = message.Read(utf8, userId, now);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with an escaped lone surrogate, which is no text.
            message.Refusal = message.BadRequest("Not valid JSON: send one object per message.");
        }

        return message;
    }

    /// <summary>A message of a kind that is refused whatever it says.</summary>
    public static ClientMessage NotText()
    {
        var message = new ClientMessage();
        message.Refusal = message.BadRequest("Binary messages are not understood: send text.");
        return message;
    }

    private CommandError? Read(ReadOnlySpan<byte> utf8, string userId, DateTimeOffset now)
    {
        var reader = new Utf8JsonReader(utf8);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return BadRequest("Send a JSON object.");
        }

        Field user = default, startedAt = default, stoppedAt = default, sentAt = default, id = default, action = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("action"u8)) { action = Field.Read(ref reader); }
            else if (reader.ValueTextEquals("id"u8)) { id = Field.Read(ref reader); }
            else if (reader.ValueTextEquals("user_id"u8)) { user = Field.Read(ref reader); }
            else if (reader.ValueTextEquals("started_at"u8)) { startedAt = Field.Read(ref reader); }
            else if (reader.ValueTextEquals("stopped_at"u8)) { stoppedAt = Field.Read(ref reader); }
            else if (reader.ValueTextEquals("sent_at"u8)) { sentAt = Field.Read(ref reader); }
            else { reader.Read(); reader.Skip(); }
        }

        reader.Read(); // throws on anything that follows the object

        _action = action.Text;
        _id = id.Text;
        return _action switch
        {
            null => BadRequest("Name the action: a string."),
            "ping" => ReadPing(sentAt),
            "timer_start" => ReadCommand(TimerAction.Start, id, user, startedAt, "started_at", sentAt, userId, now),
            "timer_stop" => ReadCommand(TimerAction.Stop, id, user, stoppedAt, "stopped_at", sentAt, userId, now),
            _ => Error(ErrorCodes.UnknownAction, "Known actions are timer_start, timer_stop and ping."),
        };
    }

    private CommandError? ReadPing(Field sentAt)
    {
        if (sentAt.Type is not (JsonTokenType.Null or JsonTokenType.Number))
        {
            return BadRequest("sent_at of a ping is a number.");
        }

        IsPing = true;
        PingSentAt = sentAt.Number;
        return null;
    }

    private CommandError? ReadCommand(
        TimerAction action, Field id, Field user, Field pressedAt, string pressedAtName, Field sentAt, string userId, DateTimeOffset now)
    {
        if (!TryReadId(id.Text, out var runId))
        {
            return BadRequest("id must be a UUID, such as 6f0c1b9e-3d0a-4b52-9f1e-0d6f7a1c2b3d.");
        }

        if (user.Type is not (JsonTokenType.Null or JsonTokenType.String))
        {
            return BadRequest("user_id must be a string.");
        }

        if (!TryReadTime(pressedAt, out var at) || !TryReadTime(sentAt, out var sent))
        {
            return BadRequest($"{pressedAtName} and sent_at must be RFC 3339 times with a zone, such as 2025-09-15T20:15:00Z.");
        }

        if (user.Text is not null && user.Text != userId)
        {
            return Error(ErrorCodes.WrongUser, "user_id is not the user of the token: leave it out.");
        }

        var pressed = at ?? now;
        if (at is not null && sent is not null && (now - sent.Value).Duration() > ClockDifferenceMax)
        {
            // Counted in milliseconds: a nonsensical clock would leave the calendar.
            var shifted = at.Value.ToUnixTimeMilliseconds() + (long)(now - sent.Value).TotalMilliseconds;
            pressed = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(shifted, 0, now.ToUnixTimeMilliseconds()));
        }

        if (pressed > now)
        {
            pressed = now;
        }

        if (now - pressed > PressAgeMax)
        {
            return BadRequest($"{pressedAtName} is more than {PressAgeMax.Days} days back.");
        }

        Command = new TimerCommand(action, userId, runId, pressed);
        return null;
    }

    private CommandError BadRequest(string message) => Error(ErrorCodes.BadRequest, message);

    private static bool TryReadId(string? text, out Guid id) =>
        Guid.TryParseExact(text, "D", out id) && text!.Length == UuidLength && !text.AsSpan().ContainsAnyExcept(s_uuidCharacters);

    private static bool TryReadTime(Field field, out DateTimeOffset? time)
    {
        time = null;
        if (field.Type == JsonTokenType.Null)
        {
            return true;
        }

        if (field.Text is null || !WireTime.TryParse(field.Text, out var value))
        {
            return false;
        }

        time = value;
        return true;
    }

    /// <summary>One known member's value; one that is missing is as good as null.</summary>
    private readonly struct Field
    {
        private readonly JsonTokenType _type;

        private Field(JsonTokenType type, string? text, string? number) => (_type, Text, Number) = (type, text, number);

        public JsonTokenType Type => _type == JsonTokenType.None ? JsonTokenType.Null : _type;

        public string? Text { get; }

        public string? Number { get; }

        public static Field Read(ref Utf8JsonReader reader)
        {
            reader.Read();
            var field = new Field(
                reader.TokenType,
                reader.TokenType == JsonTokenType.String ? reader.GetString() : null,
                reader.TokenType == JsonTokenType.Number ? Encoding.UTF8.GetString(reader.ValueSpan) : null);
            reader.Skip();
            return field;
        }
    }
}
