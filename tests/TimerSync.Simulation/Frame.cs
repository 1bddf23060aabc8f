using System.Net.WebSockets;

namespace TimerSync.Simulation;

/// <summary>A part of a message, or a close frame, on its way.</summary>
/// <param name="Type">Text, binary or close.</param>
/// <param name="Bytes">The payload.</param>
/// <param name="Message">What the client meant, with its last part; null before that and on frames of the server.</param>
/// <param name="CloseCode">Of a close frame.</param>
internal sealed record Frame(WebSocketMessageType Type, byte[] Bytes, Message? Message, int? CloseCode)
{
    public static Frame Close(int code) => new(WebSocketMessageType.Close, [], Message: null, code);
}

/// <summary>What a client can mean by a message.</summary>
internal enum MessageKind
{
    Start,
    Stop,
    Ping,

    /// <summary>Refused with <see cref="Message.Code"/>, whatever else it says.</summary>
    Refused,
}

/// <summary>A message as the client made it, with what it means: the judge knows by that what the answer must be.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As it goes over the wire.</param>
/// <param name="Action">The action as sent; echoed by errors.</param>
/// <param name="IdText">The id as sent; echoed by errors.</param>
internal sealed record Message(MessageKind Kind, string Text, string? Action = null, string? IdText = null)
{
    public Guid Id { get; init; }

    /// <summary><c>started_at</c> or <c>stopped_at</c>.</summary>
    public DateTimeOffset? PressedAt { get; init; }

    public DateTimeOffset? SentAt { get; init; }

    /// <summary>A ping's number.</summary>
    public long PingNumber { get; init; }

    /// <summary>The error that must come back.</summary>
    public string? Code { get; init; }

    public bool IsBinary { get; init; }
}
