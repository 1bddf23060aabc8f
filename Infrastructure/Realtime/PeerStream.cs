using Microsoft.AspNetCore.Http.Features;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// The bytes of one WebSocket, which reads and writes them. In between it sends pings, for which
/// <see cref="System.Net.WebSockets.WebSocket"/> has no method, and counts how long the peer has been silent.
/// </summary>
/// <param name="transport">The server's; disposed of with it.</param>
internal sealed class PeerStream(Stream transport) : Stream
{
    /// <summary>A whole frame without payload (RFC 6455, section 5.5.2).</summary>
    private static readonly byte[] s_ping = [0x89, 0];

    private const int OpcodeMask = 0x0F;
    private const int CloseOpcode = 8;

    private readonly Lock _gate = new();
    private int _silentLooks;

    // All below: guarded by _gate.
    private Stream _transport = transport;
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
                _write = _transport.WriteAsync(s_ping).AsTask();
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
            var write = _write.IsCompleted ? _transport.WriteAsync(buffer, cancellationToken) : WriteNextAsync(_write, buffer, cancellationToken);
            if (write.IsCompleted)
            {
                return write;
            }

            _write = write.AsTask();
            return new ValueTask(_write);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _transport.FlushAsync(cancellationToken);

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
                _transport = Null;
            }
        }

        base.Dispose(disposing);
    }

    private async ValueTask WriteNextAsync(Task ping, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        await ping;
        await _transport.WriteAsync(buffer, cancellationToken);
    }
}

/// <summary>Puts a <see cref="PeerStream"/> under the WebSocket that a request becomes.</summary>
/// <param name="server">The server's own.</param>
internal sealed class PeerUpgrade(IHttpUpgradeFeature server) : IHttpUpgradeFeature
{
    /// <summary>Null before the upgrade.</summary>
    public PeerStream? Stream { get; private set; }

    public bool IsUpgradableRequest => server.IsUpgradableRequest;

    public async Task<Stream> UpgradeAsync() => Stream = new PeerStream(await server.UpgradeAsync());
}
