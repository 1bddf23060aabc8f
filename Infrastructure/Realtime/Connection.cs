using System.IO.Pipelines;
using System.Net.WebSockets;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// The sending half of one socket. Any thread may hand it events; one at a time is sent. What waits is bounded: a slow
/// consumer keeps its answers and the newest timer, never a growing queue.
/// </summary>
/// <param name="socket">Open; this class alone sends on it.</param>
/// <param name="subprotocol">How events are written.</param>
/// <param name="userId">Whose it is.</param>
/// <param name="sessionId">The login session that opened it.</param>
/// <param name="expiresAt">When that session's token expires.</param>
/// <param name="scheduler">Where sending runs, unless who publishes does it.</param>
/// <param name="clock">Times the closing handshake.</param>
/// <param name="logger">For what is our own fault.</param>
internal sealed partial class Connection(
    WebSocket socket,
    ISubprotocol subprotocol,
    string userId,
    string sessionId,
    DateTimeOffset expiresAt,
    PipeScheduler scheduler,
    TimeProvider clock,
    ILogger logger)
{
    /// <summary>Timer events that may wait; at the next one all but the newest are skipped.</summary>
    public const int TimersQueuedMax = 16;

    /// <summary>Answers that may wait; until one is sent, no further message of the client is read.</summary>
    public const int AnswersQueuedMax = 16;

    /// <summary>How long a peer may take to send its part of the closing handshake.</summary>
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();

    // Made when somebody waits for it or it comes: nobody does while the connection is idle.
    private TaskCompletionSource? _finished;

    // All below: guarded by _gate.
    private Queue<ServerEvent> _queue = new();
    private int _timersQueued;
    private long _newestVersion = -1;
    private bool _isOpen;
    private TimerUpdated? _held;
    private bool _sending;
    private (WebSocketCloseStatus Code, string Reason)? _close;
    private TaskCompletionSource? _room;

    public string UserId { get; } = userId;

    public string SessionId { get; } = sessionId;

    /// <summary>When the token that opened it expires.</summary>
    public DateTimeOffset ExpiresAt { get; } = expiresAt;

    /// <summary>Completes when nothing more will be sent: the close frame is out, or the socket is broken.</summary>
    public Task Finished => FinishedSource.Task;

    /// <summary>Whether it is closed on our side: what the peer still sends no longer counts.</summary>
    public bool IsClosing
    {
        get
        {
            lock (_gate)
            {
                return _close is not null;
            }
        }
    }

    /// <summary>The newest that was handed to it; -1 before the first.</summary>
    public long NewestVersion
    {
        get
        {
            lock (_gate)
            {
                return _newestVersion;
            }
        }
    }

    /// <summary>
    /// Sends the first timer, or what was published since it was read. Not before: a node that stood still may publish what
    /// another one has long overtaken.
    /// </summary>
    public void Open(TimerUpdated first)
    {
        bool starts;
        lock (_gate)
        {
            _isOpen = true;
            starts = EnqueueIfNewer(_held is { } held && held.Snapshot.Version > first.Snapshot.Version ? held : first);
            _held = null;
        }

        SendIf(starts);
    }

    /// <summary>Sends a newer timer; one that is not newer than the last is ignored.</summary>
    /// <param name="timer">The timer.</param>
    /// <param name="here">
    /// On this thread, as far as the socket takes it: it never waits for the peer. A frame that is under way already goes first, and
    /// then this one, on the thread that ends it.
    /// </param>
    public void Publish(TimerUpdated timer, bool here = false)
    {
        var starts = false;
        lock (_gate)
        {
            if (_isOpen)
            {
                starts = EnqueueIfNewer(timer);
            }
            else
            {
                _held = _held is null || timer.Snapshot.Version > _held.Snapshot.Version ? timer : _held;
            }
        }

        SendIf(starts, here);
    }

    /// <summary>Answers a command with the timer as it is; a newer one, sent since the command was decided, is an answer too.</summary>
    public void Answer(TimerUpdated timer)
    {
        var starts = false;
        lock (_gate)
        {
            if (timer.Snapshot.Version >= _newestVersion)
            {
                _newestVersion = timer.Snapshot.Version;
                starts = Enqueue(timer);
            }
        }

        SendIf(starts);
    }

    /// <summary>Answers a message with an error or a pong.</summary>
    public void Answer(ServerEvent answer)
    {
        bool starts;
        lock (_gate)
        {
            starts = Enqueue(answer);
        }

        SendIf(starts);
    }

    /// <summary>Completes when an answer fits in the queue: backpressure for a client that sends and does not read.</summary>
    public Task WaitForRoomAsync()
    {
        lock (_gate)
        {
            if (_queue.Count - _timersQueued < AnswersQueuedMax || _close is not null)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>Sends a close frame instead of what still waits; the first reason counts. A peer that does not answer is cut off.</summary>
    public void Close(WebSocketCloseStatus code, string reason)
    {
        bool starts;
        lock (_gate)
        {
            if (_close is not null)
            {
                return;
            }

            _close = (code, reason);
            _queue.Clear();
            _timersQueued = 0;
            _room?.TrySetResult();
            starts = TakeSending();
        }

        SendIf(starts);
        _ = AbortLaterAsync();
    }

    private TaskCompletionSource FinishedSource =>
        LazyInitializer.EnsureInitialized(ref _finished, static () => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    private bool EnqueueIfNewer(TimerUpdated timer)
    {
        if (timer.Snapshot.Version <= _newestVersion)
        {
            return false;
        }

        _newestVersion = timer.Snapshot.Version;
        return Enqueue(timer);
    }

    /// <returns>Whether the caller is to start the sending, when it has left the lock: <see cref="SendIf"/>.</returns>
    private bool Enqueue(ServerEvent serverEvent)
    {
        if (_close is not null)
        {
            return false;
        }

        if (serverEvent is TimerUpdated && ++_timersQueued > TimersQueuedMax)
        {
            // In front: an answer that waits must not arrive before the state that it confirms.
            _queue = new Queue<ServerEvent>([serverEvent, .. _queue.Where(queued => queued is not TimerUpdated)]);
            _timersQueued = 1;
        }
        else
        {
            _queue.Enqueue(serverEvent);
        }

        return TakeSending();
    }

    private bool TakeSending()
    {
        var starts = !_sending;
        _sending = true;
        return starts;
    }

    /// <summary>Outside the lock: the thread that is woken often runs at once, and would have to wait for it.</summary>
    private void SendIf(bool starts, bool here = false)
    {
        if (starts)
        {
            (here ? PipeScheduler.Inline : scheduler).Schedule(static connection => _ = ((Connection)connection!).SendAsync(), this);
        }
    }

    private async Task SendAsync()
    {
        try
        {
            (WebSocketCloseStatus Code, string Reason)? closing;
            while (Next(out closing) is { } serverEvent)
            {
                var bytes = await serverEvent.EncodedFor(subprotocol);
                await socket.SendAsync(bytes, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            }

            if (closing is { } close)
            {
                await socket.CloseOutputAsync(close.Code, close.Reason, CancellationToken.None);
                FinishedSource.TrySetResult();
            }
        }
        catch (Exception exception)
        {
            if (exception is not (WebSocketException or OperationCanceledException or IOException or ObjectDisposedException))
            {
                LogSendFailed(exception); // ours, not the network's: the connection ends, the client comes back
            }

            socket.Abort();
            Close(CloseCodes.Normal, "broken");
            FinishedSource.TrySetResult();
        }
    }

    /// <param name="closing">
    /// When there is no next event: why to close, if so. Read under the same lock that ends the sending, or two threads could
    /// both send a close frame, and the second one would cut the connection.
    /// </param>
    private ServerEvent? Next(out (WebSocketCloseStatus Code, string Reason)? closing)
    {
        lock (_gate)
        {
            closing = null;
            if (_queue.TryDequeue(out var next))
            {
                if (next is TimerUpdated)
                {
                    _timersQueued--;
                }
                else if (_room is not null)
                {
                    _room.TrySetResult();
                    _room = null;
                }

                return next;
            }

            closing = _close;
            _sending = closing is not null; // once closing, nobody starts to send again
            return null;
        }
    }

    private async Task AbortLaterAsync()
    {
        await Task.Delay(CloseTimeout, clock);
        socket.Abort();
        FinishedSource.TrySetResult();
    }

    [LoggerMessage(LogLevel.Error, "Sending to a connection failed")]
    private partial void LogSendFailed(Exception exception);
}
