using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>What the server sends over a socket (CONTRACT.md, section 3). Encoded once per subprotocol, however many connections get it.</summary>
internal abstract class ServerEvent
{
    private readonly Task<ReadOnlyMemory<byte>>?[] _encoded = new Task<ReadOnlyMemory<byte>>?[ISubprotocol.Count];

    public Task<ReadOnlyMemory<byte>> EncodedFor(ISubprotocol subprotocol)
    {
        lock (_encoded)
        {
            return _encoded[subprotocol.Index] ??= subprotocol.EncodeAsync(this);
        }
    }
}

/// <summary>The user's current timer: after a change, on connecting, or as the answer to a repeated command.</summary>
internal sealed class TimerUpdated(TimerSnapshot snapshot) : ServerEvent
{
    public TimerSnapshot Snapshot { get; } = snapshot;
}

/// <summary>A refused command.</summary>
internal sealed class ErrorEvent(CommandError error) : ServerEvent
{
    public CommandError Error { get; } = error;
}

/// <summary>The answer to a ping.</summary>
internal sealed class Pong(string? sentAt, DateTimeOffset serverTime) : ServerEvent
{
    /// <summary>The ping's own number, as it came.</summary>
    public string? SentAt { get; } = sentAt;

    public DateTimeOffset ServerTime { get; } = serverTime;
}
