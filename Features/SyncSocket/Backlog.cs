using System.Net.Sockets;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Whether the messages of one connection wait in its socket. Who sends more than the server as a whole can carry is held up
/// by TCP, within his own rate or not, and would never learn of it.
/// </summary>
/// <param name="burst">So many may wait, however long it takes: a client may send them at once.</param>
/// <param name="socket">The connection's; null where it has none, and nobody is late.</param>
/// <param name="clock">Its monotonic time stamp is used.</param>
internal struct Backlog(int burst, Socket? socket, TimeProvider clock)
{
    /// <summary>A message that has waited longer is late. Under a load that the server can carry they wait for a commit or two.</summary>
    public static readonly TimeSpan LateAfter = TimeSpan.FromSeconds(1);

    /// <summary>As long as nothing waits, one in so many messages looks at the socket: that is a system call.</summary>
    private const int MessagesBetweenLooks = 8;

    /// <summary>Of a short message, masked (RFC 6455, section 5.2).</summary>
    private const int FrameHeaderBytes = 6;

    private long _bytesHandled;
    private int _messagesHandled = MessagesBetweenLooks - 1; // the first one looks
    private long _markedEnd;
    private long _markedAt;
    private bool _isLate;

    /// <summary>
    /// Counts a message. What lies in the socket is marked by its end; the message that comes to this mark has waited since
    /// then at least, with all that were handled meanwhile, and the next mark is set. So one message is looked at for each time
    /// that the socket is worked off, and of those that find nothing behind them one in <see cref="MessagesBetweenLooks"/>.
    /// </summary>
    /// <param name="bytes">Length of the message.</param>
    /// <returns>Whether the message is known to be late, and whether the last one that was looked at was, too.</returns>
    public (bool IsLate, bool IsLateAgain) Handle(int bytes)
    {
        _bytesHandled += bytes + FrameHeaderBytes;
        _messagesHandled++;
        if (_markedEnd > 0 ? _bytesHandled < _markedEnd : _messagesHandled < MessagesBetweenLooks)
        {
            return default;
        }

        var wasLate = _isLate;
        _isLate = _markedEnd > 0 && _messagesHandled > burst && clock.GetElapsedTime(_markedAt) > LateAfter;
        _messagesHandled = 0;
        var waiting = socket?.Available ?? 0;
        _markedEnd = waiting > 0 ? _bytesHandled + waiting : 0;
        _markedAt = clock.GetTimestamp();
        return (_isLate, _isLate && wasLate);
    }
}
