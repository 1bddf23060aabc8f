using System.Net.Sockets;
using Microsoft.AspNetCore.Http.Features;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// The bytes of one WebSocket, which reads and writes them. In between it sends pings, for which
/// <see cref="System.Net.WebSockets.WebSocket"/> has no method, and counts how long the peer has been silent.
/// </summary>
/// <param name="transport">The server's; disposed of with it.</param>
/// <param name="socket">
/// Under the transport, with nothing in between and nothing on its way: what fits in its buffer, nearly always all, goes there at
/// once. Through the transport it would be copied, and sent by another thread: a tenth of what a command costs
/// (tests/TimerSync.Benchmarks/RESULTS.md). Null where the transport does more, such as encrypt.
/// </param>
internal sealed class PeerStream(Stream transport, Socket? socket = null) : Stream
{
    /// <summary>A whole frame without payload (RFC 6455, section 5.5.2).</summary>
    private static readonly byte[] s_ping = [0x89, 0];

    private const int OpcodeMask = 0x0F;
    private const int CloseOpcode = 8;

    private readonly Lock _gate = new();
    private int _silentLooks;

    // All below: guarded by _gate.
    private Stream _transport = transport;
    private Socket? _socket = socket;
    private Task _write = Task.CompletedTask;
    private bool _isClosing;

    /// <summary>Whether its WebSocket is closed or cut.</summary>
    public bool IsEnded { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Counts one look at the peer.</summary>
    /// <returns>How many in a row have found it silent, this one included.</returns>
    public int CountSilentLook() => Interlocked.Increment(ref _silentLooks);

    /// <summary>
    /// Asks the peer for a sign of life. Not one that does not even take what is sent to it, and none after a close frame: browsers
    /// would take the connection for broken, and its close code would be lost.
    /// </summary>
    public void Ping()
    {
        lock (_gate)
        {
            if (!IsEnded && !_isClosing && _write.IsCompleted)
            {
                _ = SendAsync(s_ping, CancellationToken.None).AsTask();
            }
        }
    }

    /// <summary>To ask for more is to have got what was asked for before: the peer is alive.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _silentLooks, 0);
        return _transport.ReadAsync(buffer, cancellationToken);
    }

    /// <summary>The WebSocket writes one whole frame, and the next one when this is done.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            _isClosing |= (buffer.Span[0] & OpcodeMask) == CloseOpcode;
            return SendAsync(buffer, cancellationToken);
        }
    }

    /// <summary>Nothing to do: what is written is on its way.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Lets go of the connection: who still watches this does not keep it in memory.</summary>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (disposing && !IsEnded)
            {
                IsEnded = true;
                _transport.Dispose();
                (_transport, _socket) = (Null, null);
            }
        }

        base.Dispose(disposing);
    }

    /// <summary>At once, or after what is on its way. To be called with the gate closed.</summary>
    private ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        ValueTask write;
        if (_write.IsCompleted)
        {
            // None of it where the buffer is full, or the connection broken: which the transport says, as always.
            var sent = _socket?.Send(frame.Span, SocketFlags.None, out _) ?? 0;
            write = sent == frame.Length ? ValueTask.CompletedTask : _transport.WriteAsync(frame[sent..], cancellationToken);
        }
        else
        {
            write = SendNextAsync(_write, frame, cancellationToken);
        }

        if (write.IsCompleted)
        {
            return write;
        }

        _write = write.AsTask();
        return new ValueTask(_write);
    }

    private async ValueTask SendNextAsync(Task ping, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        await ping;
        await _transport.WriteAsync(frame, cancellationToken);
    }
}

/// <summary>Puts a <see cref="PeerStream"/> under the WebSocket that a request becomes.</summary>
/// <param name="server">The server's own.</param>
/// <param name="socket">The connection's, where bytes go as they are; null otherwise.</param>
internal sealed class PeerUpgrade(IHttpUpgradeFeature server, Socket? socket) : IHttpUpgradeFeature
{
    /// <summary>Null before the upgrade.</summary>
    public PeerStream? Stream { get; private set; }

    public bool IsUpgradableRequest => server.IsUpgradableRequest;

    public async Task<Stream> UpgradeAsync()
    {
        var transport = await server.UpgradeAsync(); // its answer is in the socket now: BoundedSockets
        try
        {
            socket?.Blocking = false; // what does not fit is not waited for
        }
        catch (ObjectDisposedException)
        {
            // The peer is gone: whoever writes will hear it.
        }

        return Stream = new PeerStream(transport, socket);
    }
}
