using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Web;

/// <summary>
/// How far a client may be ahead of the server. Past it TCP holds him up, and what he has to say comes in few large pieces:
/// with buffers as they are by default each of his messages wakes the server, which in overload is a quarter of its time
/// (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
internal static class BoundedSockets
{
    /// <summary>In the kernel: 100 commands or more. Linux takes twice as much, for its own bookkeeping (socket(7), SO_RCVBUF).</summary>
    private const int ReceiveBufferBytes = 16 * 1024;

    /// <summary>
    /// A write is done when the kernel has all of it: nothing of an answer is left in the server when its socket becomes a WebSocket,
    /// which writes there itself (<see cref="Realtime.PeerStream"/>). Zero would mean no bound.
    /// </summary>
    private const int WriteBufferBytes = 1;

    public static void Configure(SocketTransportOptions sockets)
    {
        sockets.MaxReadBufferSize = ClientMessage.BytesMax;
        sockets.MaxWriteBufferSize = WriteBufferBytes;
        sockets.CreateBoundListenSocket = endpoint =>
        {
            var listener = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            listener.ReceiveBufferSize = ReceiveBufferBytes; // accepted sockets have it of the one that listens
            return listener;
        };
    }
}
