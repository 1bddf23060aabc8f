namespace TimerSync.Infrastructure.Realtime;

/// <summary>One way to write events on a socket; has a WebSocket subprotocol name (RFC 6455, section 1.9).</summary>
internal interface ISubprotocol
{
    /// <summary>How many there are.</summary>
    const int Count = 2;

    /// <summary>The name that a client asks for.</summary>
    string Name { get; }

    /// <summary>0 to <see cref="Count"/> - 1: where an event keeps its bytes.</summary>
    int Index { get; }

    /// <summary>Writes one event as one text message, UTF-8.</summary>
    Task<ReadOnlyMemory<byte>> EncodeAsync(ServerEvent serverEvent);
}
