using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace TimerSync.Tests;

/// <summary>
/// A peer that does by hand what <see cref="System.Net.WebSockets.ClientWebSocket"/> would not: stay silent, read slowly,
/// send odd frames (RFC 6455, section 5), go on after a close frame.
/// </summary>
internal sealed class RawPeer : IAsyncDisposable
{
    public const byte Continuation = 0;
    public const byte Text = 1;
    public const byte Binary = 2;
    public const byte Close = 8;
    public const byte Ping = 9;
    public const byte Pong = 10;

    private const byte Final = 0x80;
    private const byte Masked = 0x80;
    private const int Length16 = 126;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private readonly TcpClient _tcp;
    private readonly BufferedStream _stream;
    private readonly CancellationTokenSource _limit =
        CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    private RawPeer(TcpClient tcp)
    {
        _tcp = tcp;
        _stream = new BufferedStream(tcp.GetStream());
        _limit.CancelAfter(Timeout);
    }

    /// <summary>Connects and upgrades.</summary>
    /// <param name="user">Whose token is sent.</param>
    /// <param name="receiveBufferBytes">Of the operating system; small for a reader that is to be slow. 0 leaves the default.</param>
    public static async Task<RawPeer> ConnectAsync(TestUser user, int receiveBufferBytes = 0)
    {
        var tcp = new TcpClient { NoDelay = true };
        if (receiveBufferBytes > 0)
        {
            tcp.ReceiveBufferSize = receiveBufferBytes;
        }

        var address = user.Server.Address;
        await tcp.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        var peer = new RawPeer(tcp);
        await peer.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: {address.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {user.Token}\r\n\r\n"));
        var answer = new StringBuilder();
        while (!answer.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            answer.Append((char)(await peer.ReadBytesAsync(1))[0]);
        }

        Assert.StartsWith("HTTP/1.1 101 ", answer.ToString(), StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer.ToString(), StringComparison.Ordinal);
        return peer;
    }

    public Task SendTextAsync(string text) => SendFrameAsync(Text, Encoding.UTF8.GetBytes(text));

    public Task SendFrameAsync(byte opcode, ReadOnlyMemory<byte> payload, bool isFinal = true)
    {
        var frame = new List<byte> { (byte)(opcode | (isFinal ? Final : 0)) };
        if (payload.Length < Length16)
        {
            frame.Add((byte)(payload.Length | Masked));
        }
        else
        {
            frame.Add(Length16 | Masked);
            frame.Add((byte)(payload.Length >> 8));
            frame.Add((byte)payload.Length);
        }

        frame.AddRange([0, 0, 0, 0]); // a mask of zeros leaves the payload as it is
        frame.AddRange(payload.Span);
        return WriteAsync(frame.ToArray());
    }

    /// <summary>A frame whose payload is announced and does not come.</summary>
    public Task SendHalfATextAsync() => WriteAsync([Final | Text, 1 | Masked, 0, 0, 0, 0]);

    public Task SendCloseAsync(int code)
    {
        var payload = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        return SendFrameAsync(Close, payload);
    }

    /// <summary>The next frame; null when the server has ended the TCP connection.</summary>
    public async Task<(byte Opcode, byte[] Payload)?> ReceiveFrameAsync()
    {
        try
        {
            var head = await ReadBytesAsync(2);
            int length = head[1];
            if (length >= Length16)
            {
                Assert.Equal(Length16, length); // no event is longer than 64 KiB
                length = BinaryPrimitives.ReadUInt16BigEndian(await ReadBytesAsync(2));
            }

            Assert.Equal(Final, head[0] & Final);
            return ((byte)(head[0] & ~Final), await ReadBytesAsync(length));
        }
        catch (Exception exception) when (exception is IOException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>The next event of the JSON subprotocol. Answers pings in between.</summary>
    public async Task<WireEvent> ReceiveEventAsync()
    {
        var frame = await ReceiveFrameAsync();
        while (frame is { Opcode: Ping })
        {
            await SendFrameAsync(Pong, frame.Value.Payload);
            frame = await ReceiveFrameAsync();
        }

        Assert.Equal(Text, frame?.Opcode);
        return WireEvent.FromJson(Encoding.UTF8.GetString(frame!.Value.Payload));
    }

    /// <summary>Reads on until a close frame.</summary>
    /// <returns>The close code; null when the connection ended without one.</returns>
    public async Task<int?> ReceiveCloseAsync()
    {
        while (await ReceiveFrameAsync() is { } frame)
        {
            if (frame.Opcode == Close)
            {
                return BinaryPrimitives.ReadUInt16BigEndian(frame.Payload);
            }
        }

        return null;
    }

    /// <summary>Waits until the server has ended the TCP connection: by then it has dealt with all that was sent.</summary>
    public async Task ReceiveEndAsync()
    {
        while (await ReceiveFrameAsync() is not null)
        {
        }
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Client.Close(0); // at once, whatever is unread
        _tcp.Dispose();
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task WriteAsync(byte[] bytes) => await _tcp.GetStream().WriteAsync(bytes, _limit.Token);

    private async Task<byte[]> ReadBytesAsync(int count)
    {
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, _limit.Token);
        return bytes;
    }
}
