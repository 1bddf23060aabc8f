using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace TimerSync.Tests.Hostile;

/// <summary>How a frame says how long it is (RFC 6455, section 5.2). The shortest that fits is the only valid one.</summary>
public enum LengthBits
{
    Shortest,
    Sixteen,
    SixtyFour,
}

/// <summary>A frame as it stands on the wire.</summary>
internal sealed record Frame(int Opcode, byte[] Payload)
{
    public const int Continuation = 0;
    public const int Text = 1;
    public const int Binary = 2;
    public const int Close = 8;
    public const int Ping = 9;
    public const int Pong = 10;

    public bool IsFinal { get; init; } = true;

    public int ReservedBits { get; init; }

    public bool IsMasked { get; init; } = true;

    public LengthBits LengthBits { get; init; }

    /// <summary>What it says that its length is, when that is not the truth.</summary>
    public ulong? DeclaredLength { get; init; }

    public string AsText => Encoding.UTF8.GetString(Payload);

    public static Frame OfText(string text) => new(Text, Encoding.UTF8.GetBytes(text));

    public static Frame OfClose(int code, params byte[] reason) => new(Close, [(byte)(code >> 8), (byte)code, .. reason]);

    public byte[] ToBytes()
    {
        var bytes = new List<byte> { (byte)((IsFinal ? 0x80 : 0) | (ReservedBits << 4) | Opcode) };
        var length = DeclaredLength ?? (ulong)Payload.Length;
        var mask = IsMasked ? 0x80 : 0;
        if (LengthBits == LengthBits.SixtyFour || length > ushort.MaxValue)
        {
            bytes.Add((byte)(mask | 127));
            bytes.AddRange(BigEndian(length, 8));
        }
        else if (LengthBits == LengthBits.Sixteen || length > 125)
        {
            bytes.Add((byte)(mask | 126));
            bytes.AddRange(BigEndian(length, 2));
        }
        else
        {
            bytes.Add((byte)(mask | (int)length));
        }

        if (!IsMasked)
        {
            return [.. bytes, .. Payload];
        }

        byte[] key = [0x37, 0xfa, 0x21, 0x3d]; // the RFC's own example
        return [.. bytes, .. key, .. Payload.Select((one, i) => (byte)(one ^ key[i % 4]))];
    }

    private static IEnumerable<byte> BigEndian(ulong value, int count) =>
        Enumerable.Range(1, count).Select(i => (byte)(value >> (8 * (count - i))));
}

/// <summary>A peer that writes whatever bytes a test wants.</summary>
internal sealed class FrameClient : IAsyncDisposable
{
    /// <summary>The server ended the connection without a close frame.</summary>
    public const int Cut = -1;

    /// <summary>The close frame carried no code.</summary>
    public const int NoCode = 1005;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly TcpClient _tcp = new() { NoDelay = true };
    private BufferedStream? _stream;

    private FrameClient() => _limit.CancelAfter(Timeout);

    /// <summary>TCP only.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="receiveBufferBytes">Of the operating system; small for one that reads slowly. 0 leaves the default.</param>
    public static async Task<FrameClient> ConnectAsync(TimerSyncServer server, int receiveBufferBytes = 0)
    {
        var client = new FrameClient();
        if (receiveBufferBytes > 0)
        {
            client._tcp.ReceiveBufferSize = receiveBufferBytes;
        }

        await client._tcp.ConnectAsync(server.Address.Host, server.Address.Port, client._limit.Token);
        client._stream = new BufferedStream(client._tcp.GetStream());
        return client;
    }

    /// <summary>TCP, upgrade, and the first snapshot.</summary>
    public static async Task<FrameClient> OpenAsync(TestUser user, string subprotocol, int receiveBufferBytes = 0)
    {
        var client = await ConnectAsync(user.Server, receiveBufferBytes);
        await client.SendAsync(Encoding.ASCII.GetBytes(Handshake(user, subprotocol)));
        var answer = await client.ReceiveHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer, StringComparison.Ordinal);
        return client;
    }

    public static string Handshake(TestUser user, string subprotocol) =>
        $"GET /ws HTTP/1.1\r\nHost: {user.Server.Address.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {subprotocol}\r\n"
        + $"Authorization: Bearer {user.Token}\r\n\r\n";

    public async Task SendAsync(params Frame[] frames) => await SendAsync(frames.SelectMany(frame => frame.ToBytes()).ToArray());

    public async Task SendAsync(byte[] bytes) => await _tcp.GetStream().WriteAsync(bytes, NextStep());

    /// <summary>Each step has its time; a whole life may be longer.</summary>
    private CancellationToken NextStep()
    {
        _limit.CancelAfter(Timeout);
        return _limit.Token;
    }

    /// <returns>False when the connection has ended.</returns>
    public async Task<bool> TrySendAsync(byte[] bytes)
    {
        try
        {
            await SendAsync(bytes);
            return true;
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException) // the latter: aborted before
        {
            return false;
        }
    }

    /// <summary>The head of an HTTP answer; what came when the server ended the connection before.</summary>
    public async Task<string> ReceiveHeadAsync()
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await ReadAsync(one) > 0)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <returns>Null when the server has ended the connection.</returns>
    public async Task<Frame?> ReceiveAsync()
    {
        try
        {
            var head = await ReadExactlyAsync(2);
            var length = (head[1] & 0x7f) switch
            {
                126 => BinaryPrimitives.ReadUInt16BigEndian(await ReadExactlyAsync(2)),
                127 => checked((int)BinaryPrimitives.ReadUInt64BigEndian(await ReadExactlyAsync(8))),
                var few => few,
            };
            Assert.True((head[1] & 0x80) == 0, "a server masks no frame");
            Assert.True((head[0] & 0x70) == 0, "no extension was agreed upon");
            return new Frame(head[0] & 0xf, await ReadExactlyAsync(length)) { IsFinal = (head[0] & 0x80) != 0, IsMasked = false };
        }
        catch (Exception exception) when (exception is IOException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>Text messages until one says what is wanted.</summary>
    /// <returns>Null when the connection ended before.</returns>
    public async Task<string?> ReceiveTextAsync(Func<string, bool> isWanted)
    {
        while (await ReceiveAsync() is { Opcode: not Frame.Close } frame)
        {
            if (frame.Opcode == Frame.Text && isWanted(frame.AsText))
            {
                return frame.AsText;
            }
        }

        return null;
    }

    /// <summary>Whatever else still comes, then the close code, or <see cref="Cut"/>.</summary>
    public async Task<int> ReceiveCloseAsync()
    {
        while (await ReceiveAsync() is { } frame)
        {
            if (frame.Opcode == Frame.Close)
            {
                return frame.Payload.Length < 2 ? NoCode : BinaryPrimitives.ReadUInt16BigEndian(frame.Payload);
            }
        }

        return Cut;
    }

    /// <summary>Cuts the connection; what waits for it ends.</summary>
    public void Abort() => _tcp.Client?.Close(0);

    public ValueTask DisposeAsync()
    {
        Abort();
        _tcp.Dispose();
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<int> ReadAsync(byte[] buffer)
    {
        try
        {
            return await _stream!.ReadAsync(buffer, NextStep());
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private async Task<byte[]> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        await _stream!.ReadExactlyAsync(bytes, NextStep());
        return bytes;
    }
}
