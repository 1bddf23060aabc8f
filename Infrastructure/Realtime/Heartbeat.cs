using System.Net.WebSockets;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// Pings idle peers and cuts those that stop answering (CONTRACT.md, section 3). One for all sockets, which it looks at one
/// after the other: the framework's own has a timer for each, and presses wait while 10,000 of them are walked through
/// (tests/TimerSync.Benchmarks/RESULTS.md).
/// </summary>
/// <param name="clock">Its monotonic time stamp is used.</param>
/// <param name="logger">For what is our own fault.</param>
internal sealed partial class Heartbeat(TimeProvider clock, ILogger<Heartbeat> logger) : BackgroundService
{
    /// <summary>From one look at a peer to the next.</summary>
    public static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Looks in a row that find a peer silent before it is pinged, and again at each further one: 20 to 30 s, as seldom as may be.
    /// By chance 5 or 6, so that those who came together, after a restart say, are not pinged together for ever.
    /// </summary>
    private const int LooksToPingMin = 5;
    private const int LooksToPingMax = 6;

    /// <summary>The same before it is cut, after two pings at least without an answer: 35 to 40 s.</summary>
    public const int LooksToCut = 8;

    /// <summary>Between two rounds at least: those due in the meantime are looked at together.</summary>
    private static readonly TimeSpan RoundInterval = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();

    // Guarded by _gate; who was looked at last is last. One that has ended stays until its next look.
    private readonly Queue<(PeerStream Peer, WebSocket Socket, long LookedAt)> _watched = new();

    /// <summary>From now on, until it has ended.</summary>
    /// <param name="peer">What the peer sends comes through here.</param>
    /// <param name="socket">Cut when the peer is silent.</param>
    public void Watch(PeerStream peer, WebSocket socket)
    {
        lock (_gate)
        {
            _watched.Enqueue((peer, socket, clock.GetTimestamp()));
        }
    }

    /// <summary>
    /// Looks at those who are due, or at four times as many as are on the average: after a pause of the process all are, and would
    /// be again together every time.
    /// </summary>
    /// <returns>How long nobody will be; none when some still are.</returns>
    public async ValueTask<TimeSpan> LookRoundAsync()
    {
        int looks;
        lock (_gate)
        {
            looks = 1 + (int)(4 * _watched.Count * (RoundInterval / LookInterval));
        }

        for (; looks > 0; looks--)
        {
            (PeerStream Peer, WebSocket Socket, long LookedAt) next;
            lock (_gate)
            {
                var wait = _watched.TryPeek(out next) ? LookInterval - clock.GetElapsedTime(next.LookedAt) : LookInterval;
                if (wait > TimeSpan.Zero)
                {
                    return wait;
                }

                _watched.Dequeue();
            }

            if (!next.Peer.IsEnded)
            {
                var sent = Look(next.Peer, next.Socket);
                Watch(next.Peer, next.Socket);
                if (sent)
                {
                    // A press that has come meanwhile goes first: a thread that waits for the processor, then what waits for this thread.
                    Thread.Yield();
                    await Task.Yield();
                }
            }
        }

        return TimeSpan.Zero;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var wait = await LookRoundAsync();
            await Task.Delay(wait > RoundInterval ? wait : RoundInterval, clock, stoppingToken);
        }
    }

    /// <returns>Whether it was pinged or cut, which takes its time.</returns>
    private bool Look(PeerStream peer, WebSocket socket)
    {
        try
        {
            var silent = peer.CountSilentLook();
            if (silent >= LooksToCut)
            {
                socket.Abort();
                return true;
            }

            if (silent >= Random.Shared.Next(LooksToPingMin, LooksToPingMax + 1))
            {
                peer.Ping();
                return true;
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer is gone, and its reader has heard so.
        }
        catch (Exception exception)
        {
            LogLookFailed(exception); // ours, not the network's: the other peers are looked at all the same
        }

        return false;
    }

    [LoggerMessage(LogLevel.Error, "Pinging or cutting a connection failed")]
    private partial void LogLookFailed(Exception exception);
}
