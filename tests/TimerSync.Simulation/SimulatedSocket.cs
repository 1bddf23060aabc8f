using System.Net.WebSockets;

namespace TimerSync.Simulation;

/// <summary>
/// The server's end of a socket, with the wire and the peer's window behind it. Frames move only when the scheduler moves
/// them; the peer may read slowly, vanish without a word, or be cut off. Behaves as the framework's socket does where the
/// core relies on it: receives into an empty buffer, one send at a time, and an end with an exception.
/// </summary>
internal sealed class SimulatedSocket(World world, Device device, string sessionId, DateTimeOffset expiresAt, int number) : WebSocket
{
    private readonly Queue<Frame> _toServer = new();
    private readonly Queue<Frame> _arrived = new();
    private readonly Queue<Frame> _toClient = new();
    private readonly int _window = world.Random.Next(1, 5);
    private WebSocketState _state = WebSocketState.Open;
    private TaskCompletionSource? _receiving;
    private TaskCompletionSource? _roomOnWire;
    private int _offset; // what has been read of the part that arrived first
    private bool _isSending;

    public Device Device { get; } = device;

    public string UserId => Device.UserId;

    public string SessionId { get; } = sessionId;

    public DateTimeOffset ExpiresAt { get; } = expiresAt;

    /// <summary>What the judge remembers of this connection.</summary>
    public Conversation Conversation { get; } = new();

    /// <summary>The peer does not read; the wire fills up.</summary>
    public bool IsStalled { get; set; }

    /// <summary>When the peer went silent: nothing comes through in either direction, and nobody is told.</summary>
    public DateTimeOffset? VanishedAt { get; private set; }

    /// <summary>The server's loop has ended.</summary>
    public bool IsServerDone { get; set; }

    /// <summary>Cut: neither side can use it.</summary>
    public bool IsBroken { get; private set; }

    public bool CanDeliverToServer => _toServer.Count > 0 && VanishedAt is null && !IsBroken && !IsServerDone;

    /// <summary>A peer that has closed reads on, and drops what it reads, until the server has closed too.</summary>
    public bool CanDeliverToClient => _toClient.Count > 0 && VanishedAt is null && !(IsStalled && Device.Socket == this);

    public override WebSocketCloseStatus? CloseStatus => null;

    public override string? CloseStatusDescription => null;

    public override WebSocketState State => _state;

    public override string? SubProtocol => null;

    public override string ToString() => $"c{number}({Device})";

    // --- The server's side -------------------------------------------------------------------------------------------

    public override async ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            ThrowIfUnusable();
            if (_arrived.Count > 0)
            {
                break;
            }

            _receiving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await _receiving.Task;
        }

        var frame = _arrived.Peek();
        if (frame.Type == WebSocketMessageType.Close)
        {
            _arrived.Dequeue();
            _state = _state == WebSocketState.CloseSent ? WebSocketState.Closed : WebSocketState.CloseReceived;
            return new ValueWebSocketReceiveResult(0, WebSocketMessageType.Close, endOfMessage: true);
        }

        var count = Math.Min(buffer.Length, frame.Bytes.Length - _offset);
        frame.Bytes.AsSpan(_offset, count).CopyTo(buffer.Span);
        _offset += count;
        var isPartDone = _offset == frame.Bytes.Length;
        if (isPartDone)
        {
            _arrived.Dequeue();
            _offset = 0;
        }

        var isMessageDone = isPartDone && frame.Message is not null;
        if (isMessageDone)
        {
            world.Judge.Received(this, frame.Message!);
        }

        return new ValueWebSocketReceiveResult(count, frame.Type, isMessageDone);
    }

    public override async ValueTask SendAsync(
        ReadOnlyMemory<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken)
    {
        world.Judge.Require(!_isSending, $"{this}: two sends at a time");
        if (_state is not (WebSocketState.Open or WebSocketState.CloseReceived) || IsBroken)
        {
            throw new WebSocketException(WebSocketError.InvalidState);
        }

        world.Judge.Emitted(this, buffer.Span);
        await PutOnWireAsync(new Frame(messageType, buffer.ToArray(), Message: null, CloseCode: null));
    }

    public override async Task CloseOutputAsync(
        WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
    {
        world.Judge.Require(!_isSending, $"{this}: closes while it sends");
        if (_state is not (WebSocketState.Open or WebSocketState.CloseReceived) || IsBroken)
        {
            throw new WebSocketException(WebSocketError.InvalidState);
        }

        world.Judge.Closes(this, (int)closeStatus);
        _state = _state == WebSocketState.Open ? WebSocketState.CloseSent : WebSocketState.Closed;
        await PutOnWireAsync(Frame.Close((int)closeStatus));
    }

    public override void Abort()
    {
        if (!IsBroken)
        {
            world.Trace($"{this} is aborted by the server");
            Break();
        }
    }

    public override void Dispose()
    {
    }

    public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public override Task SendAsync(
        ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    // --- The peer's side, and the wire -------------------------------------------------------------------------------

    public void SendToServer(Frame frame) => _toServer.Enqueue(frame);

    /// <summary>The next frame arrives at the server.</summary>
    public void DeliverToServer()
    {
        _arrived.Enqueue(_toServer.Dequeue());
        Wake(ref _receiving);
    }

    /// <summary>The peer reads the next frame.</summary>
    public void DeliverToClient()
    {
        var frame = _toClient.Dequeue();
        if (_roomOnWire is not null)
        {
            world.Judge.Resumes(this);
            Wake(ref _roomOnWire);
        }

        if (Device.Socket == this)
        {
            Device.Receive(this, frame);
        }
    }

    /// <summary>The connection is cut: both sides will notice. Of what was on the wire, nothing arrives.</summary>
    public void Break()
    {
        IsBroken = true;
        _state = WebSocketState.Aborted;
        _toServer.Clear();
        Wake(ref _receiving);
        Wake(ref _roomOnWire);
    }

    /// <summary>The network drops everything from now on.</summary>
    public void Vanish() => VanishedAt ??= world.Clock.Now;

    private async ValueTask PutOnWireAsync(Frame frame)
    {
        _isSending = true;
        try
        {
            while (_toClient.Count >= _window)
            {
                _roomOnWire = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await _roomOnWire.Task;
                ThrowIfUnusable();
            }

            _toClient.Enqueue(frame);
        }
        finally
        {
            _isSending = false;
        }
    }

    private void ThrowIfUnusable()
    {
        if (IsBroken)
        {
            throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
        }
    }

    private static void Wake(ref TaskCompletionSource? waiting)
    {
        waiting?.TrySetResult();
        waiting = null;
    }
}
