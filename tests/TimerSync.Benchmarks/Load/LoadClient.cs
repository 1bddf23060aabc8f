using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TimerSync.Benchmarks.Load;

/// <summary>
/// All connections of the load program, driven by one thread: connects, frames (RFC 6455), answers pings, and connects again
/// as the page does.
/// </summary>
internal sealed class LoadClient : IDisposable
{
    /// <summary>Connections that may be on their way at once.</summary>
    private const int ConnectingMax = 400;

    private const int ReadyMax = 1024;
    private const int ReceiveBytes = 256 * 1024;
    private const int MessageBytesMax = 4096;

    /// <summary>Bytes that may wait for a socket; past that a message is not sent.</summary>
    private const int UnsentBytesMax = 16 * 1024;

    private const int TooManyCode = 4429;

    private static readonly TimeSpan ReconnectDelayMin = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReconnectDelayMax = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan BackOff = TimeSpan.FromSeconds(3);

    private readonly IPEndPoint _server;
    private readonly Dialect _dialect;
    private readonly int _epoll = Linux.CreateEpoll();
    private readonly List<Peer> _peers = [];
    private readonly Queue<Peer> _toConnect = new();
    private readonly PriorityQueue<Peer, long> _reconnects = new();
    private readonly (int Data, uint Events)[] _ready = new (int, uint)[ReadyMax];
    private readonly byte[] _scratch = new byte[ReadyMax * 16];
    private readonly byte[] _received = new byte[ReceiveBytes];
    private readonly byte[] _message = new byte[MessageBytesMax];
    private readonly byte[] _frame = new byte[MessageBytesMax];
    private readonly Random _random = new(1);
    private int _connecting;

    public LoadClient(IPEndPoint server, Dialect dialect) => (_server, _dialect) = (server, dialect);

    /// <summary>An event with the peer that got it and when; the state that comes first on a connection is one too.</summary>
    public required Action<Peer, TimerEvent, long> OnTimer { get; init; }

    public required Action<Peer, string> OnError { get; init; }

    /// <summary>A connection that was open has ended, and nobody here asked for it.</summary>
    public required Action<Peer> OnClosed { get; init; }

    /// <summary>Whether a connection that ends is opened again, with the page's delays.</summary>
    public bool Reconnects { get; set; }

    public IReadOnlyList<Peer> Peers => _peers;

    public int OpenCount { get; private set; }

    /// <summary>Ends that nobody here asked for, by close code; 0 stands for none.</summary>
    public SortedDictionary<int, int> Closes { get; } = [];

    /// <summary>Commands that were not sent, as their connection was not open or full.</summary>
    public long NotSent { get; private set; }

    public string UpgradeRequest(User user)
    {
        var subprotocol = _dialect.Subprotocol is { } name ? $"Sec-WebSocket-Protocol: {name}\r\n" : "";
        return $"GET {_dialect.Path}?user={user.Id} HTTP/1.1\r\nHost: {_server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(Guid.NewGuid().ToByteArray())}\r\n"
            + $"{subprotocol}Authorization: Bearer {user.Token}\r\n\r\n";
    }

    public Peer Add(User user, Role role)
    {
        var peer = new Peer(_peers.Count, user, role);
        _peers.Add(peer);
        _toConnect.Enqueue(peer);
        return peer;
    }

    /// <summary>Closes a peer's socket for good.</summary>
    public void Leave(Peer peer) => Drop(peer, comesBack: false);

    /// <summary>Sends a command that its user has just made; one that the socket does not take is dropped and counted.</summary>
    public bool Send(User user, long command)
    {
        var peer = user.Sender!;
        if (peer.State != PeerState.Open || peer.Unsent?.Count > UnsentBytesMax)
        {
            NotSent++;
            return false;
        }

        SendMessage(peer, 0x1, _message.AsSpan(0, _dialect.Write(_message, user, command)));
        return true;
    }

    /// <summary>Lets a slow reader read.</summary>
    public void StartReading(Peer peer)
    {
        peer.IsReading = true;
        if (peer.State == PeerState.Open)
        {
            Linux.Rewatch(_epoll, peer.Descriptor, Linux.Readable, peer.Index);
        }
    }

    /// <summary>Does what is due and what is ready.</summary>
    /// <param name="atMost">Waits so long for something to be ready.</param>
    public void Poll(TimeSpan atMost)
    {
        StartConnecting();
        var count = Linux.Wait(_epoll, _ready, _scratch, atMost < TimeSpan.Zero ? TimeSpan.Zero : atMost);
        for (var i = 0; i < count; i++)
        {
            var peer = _peers[_ready[i].Data];
            if (peer.Socket is not null)
            {
                Serve(peer, _ready[i].Events);
            }
        }
    }

    /// <returns>False when that has not come true in time.</returns>
    public bool PollUntil(Func<bool> done, TimeSpan limit)
    {
        var since = Stopwatch.GetTimestamp();
        while (!done())
        {
            if (Stopwatch.GetElapsedTime(since) > limit)
            {
                return false;
            }

            Poll(TimeSpan.FromMilliseconds(5));
        }

        return true;
    }

    public void PollFor(TimeSpan time) => PollUntil(() => false, time);

    public void Dispose()
    {
        foreach (var peer in _peers)
        {
            peer.Socket?.Dispose();
        }
    }

    private void StartConnecting()
    {
        var now = Stopwatch.GetTimestamp();
        while (_reconnects.TryPeek(out var peer, out var due) && due <= now)
        {
            _reconnects.Dequeue();
            Connect(peer);
        }

        while (_connecting < ConnectingMax && _toConnect.TryDequeue(out var next))
        {
            Connect(next);
        }
    }

    private void Connect(Peer peer)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false, NoDelay = true };
        try
        {
            socket.Connect(_server);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // Writable when it is connected.
        }

        (peer.Socket, peer.Descriptor, peer.State) = (socket, (int)socket.Handle, PeerState.Connecting);
        (peer.Unparsed, peer.Unsent, peer.Version, peer.CloseCode) = (null, null, -1, 0);
        _connecting++;
        Linux.Watch(_epoll, peer.Descriptor, Linux.Writable, peer.Index);
    }

    private void Serve(Peer peer, uint events)
    {
        if (peer.State == PeerState.Connecting)
        {
            if ((events & Linux.Broken) != 0)
            {
                Drop(peer, comesBack: true);
                return;
            }

            peer.State = PeerState.Upgrading;
            Transmit(peer, Encoding.ASCII.GetBytes(UpgradeRequest(peer.User)));
            Linux.Rewatch(_epoll, peer.Descriptor, Linux.Readable, peer.Index);
            return;
        }

        if ((events & Linux.Writable) != 0 && peer.Unsent is { } unsent)
        {
            peer.Unsent = null;
            Linux.Rewatch(_epoll, peer.Descriptor, peer.IsReading ? Linux.Readable : 0, peer.Index);
            Transmit(peer, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(unsent));
        }

        if (peer.Socket is not null && (events & (Linux.Readable | Linux.Broken)) != 0)
        {
            Receive(peer);
        }
    }

    private void Receive(Peer peer)
    {
        var kept = peer.Unparsed?.Length ?? 0;
        peer.Unparsed?.CopyTo(_received, 0);
        var count = Linux.Receive(peer.Descriptor, _received.AsSpan(kept));
        if (count < 0)
        {
            Drop(peer, comesBack: true);
            return;
        }

        var now = Stopwatch.GetTimestamp();
        var bytes = _received.AsSpan(0, kept + count);
        if (peer.State == PeerState.Upgrading && !ReadUpgrade(peer, ref bytes))
        {
            return;
        }

        while (ReadFrame(bytes, out var opcode, out var payload, out var rest))
        {
            bytes = rest;
            HandleFrame(peer, opcode, payload, now);
            if (peer.Socket is null)
            {
                return;
            }
        }

        peer.Unparsed = bytes.Length == 0 ? null : bytes.ToArray();
    }

    private bool ReadUpgrade(Peer peer, ref Span<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            peer.Unparsed = bytes.ToArray();
            return false;
        }

        if (!bytes.StartsWith("HTTP/1.1 101 "u8))
        {
            throw new InvalidOperationException($"The server refused a connection: {Encoding.UTF8.GetString(bytes)}");
        }

        bytes = bytes[(end + 4)..];
        peer.State = PeerState.Open;
        peer.Attempts = 0;
        _connecting--;
        OpenCount++;
        if (_dialect.Hello is { } hello)
        {
            SendMessage(peer, 0x1, hello);
        }

        if (!peer.IsReading)
        {
            Linux.Rewatch(_epoll, peer.Descriptor, 0, peer.Index);
        }

        return true;
    }

    /// <summary>Servers send frames without a mask, and these servers send no fragments.</summary>
    private static bool ReadFrame(Span<byte> bytes, out int opcode, out Span<byte> payload, out Span<byte> rest)
    {
        opcode = 0;
        payload = default;
        rest = bytes;
        if (bytes.Length < 2)
        {
            return false;
        }

        int length = bytes[1], header = 2;
        if (length == 126 && bytes.Length >= 4)
        {
            (length, header) = (BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]), 4);
        }
        else if (length > 125)
        {
            return bytes.Length >= 4 ? throw new InvalidOperationException("A frame of more than 64 KiB.") : false;
        }

        if (bytes.Length < header + length)
        {
            return false;
        }

        opcode = bytes[0] & 0x0F;
        payload = bytes.Slice(header, length);
        rest = bytes[(header + length)..];
        return true;
    }

    private void HandleFrame(Peer peer, int opcode, ReadOnlySpan<byte> payload, long now)
    {
        switch (opcode)
        {
            case 0x1:
                while (_dialect.Separator is { } separator && payload.IndexOf(separator) is >= 0 and var end)
                {
                    HandleMessage(peer, payload[..end], now);
                    payload = payload[(end + 1)..];
                }

                HandleMessage(peer, payload, now);
                break;
            case 0x8:
                peer.CloseCode = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 1005;
                SendMessage(peer, 0x8, payload);
                Drop(peer, comesBack: true);
                break;
            case 0x9:
                SendMessage(peer, 0xA, payload);
                break;
        }
    }

    private void HandleMessage(Peer peer, ReadOnlySpan<byte> message, long now)
    {
        if (_dialect.ReadTimer(message) is { } timer)
        {
            OnTimer(peer, timer, now);
        }
        else if (_dialect.ReadError(message) is { } code)
        {
            OnError(peer, code);
        }
    }

    private void SendMessage(Peer peer, int opcode, ReadOnlySpan<byte> message)
    {
        // A client must mask; the mask 0 leaves the bytes as they are.
        var header = message.Length < 126 ? 2 : 4;
        _frame[0] = (byte)(0x80 | opcode);
        _frame[1] = (byte)(0x80 | (message.Length < 126 ? message.Length : 126));
        if (header == 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(2), (ushort)message.Length);
        }

        _frame.AsSpan(header, 4).Clear();
        message.CopyTo(_frame.AsSpan(header + 4));
        Transmit(peer, _frame.AsSpan(0, header + 4 + message.Length));
    }

    private void Transmit(Peer peer, ReadOnlySpan<byte> bytes)
    {
        var sent = peer.Unsent is null ? Linux.Send(peer.Descriptor, bytes) : 0;
        if (sent < 0 || sent == bytes.Length)
        {
            return; // a broken socket is noticed when it is read
        }

        if (peer.Unsent is null)
        {
            peer.Unsent = [];
            Linux.Rewatch(_epoll, peer.Descriptor, Linux.Writable | (peer.IsReading ? Linux.Readable : 0), peer.Index);
        }

        peer.Unsent.AddRange(bytes[sent..]);
    }

    private void Drop(Peer peer, bool comesBack)
    {
        if (peer.Socket is null)
        {
            return;
        }

        if (peer.State == PeerState.Open)
        {
            OpenCount--;
        }
        else
        {
            _connecting--;
        }

        if (comesBack && peer.State == PeerState.Open)
        {
            Closes[peer.CloseCode] = Closes.GetValueOrDefault(peer.CloseCode) + 1;
            OnClosed(peer);
        }

        Linux.Unwatch(_epoll, peer.Descriptor);
        peer.Socket.Dispose();
        peer.Socket = null;
        peer.State = PeerState.Waiting;
        if (comesBack && Reconnects)
        {
            var delay = peer.CloseCode == TooManyCode
                ? BackOff
                : TimeSpan.FromTicks(Math.Min(ReconnectDelayMax.Ticks, ReconnectDelayMin.Ticks << Math.Min(peer.Attempts, 6)));
            peer.Attempts++;
            var jittered = delay * (0.5 + _random.NextDouble());
            _reconnects.Enqueue(peer, Stopwatch.GetTimestamp() + (long)(jittered.TotalSeconds * Stopwatch.Frequency));
        }
    }
}
