using System.Diagnostics;

namespace TimerSync.Benchmarks.Load;

/// <summary>
/// Sends commands and checks what comes back: each change must reach the user's other connection once, in version order, or
/// be skipped for a newer one, or be refused.
/// </summary>
internal sealed class Traffic
{
    private readonly LoadClient _client;
    private readonly Dialect _dialect;
    private readonly User[] _users;
    private long _measureFrom = long.MaxValue;
    private long _measureTo = long.MaxValue;
    private bool _closedLoop;

    /// <param name="client">Made by the caller with this object's handlers.</param>
    /// <param name="dialect">How the server is spoken to.</param>
    /// <param name="users">Those who send.</param>
    public Traffic(Func<Traffic, LoadClient> client, Dialect dialect, User[] users)
    {
        (_dialect, _users) = (dialect, users);
        _client = client(this);
    }

    public Times Latency { get; private set; } = new();

    /// <summary>How late the load program itself was: from the intended moment to the system call.</summary>
    public Times Lateness { get; private set; } = new();

    /// <summary>Commands sent, in all.</summary>
    public long Sent { get; private set; }

    /// <summary>Commands whose event reached the listener.</summary>
    public long Delivered { get; private set; }

    /// <summary>Commands whose event reached the listener within the measured time.</summary>
    public long DeliveredInTime { get; private set; }

    /// <summary>Events that reached any connection within the measured time.</summary>
    public long EventsInTime { get; private set; }

    /// <summary>Versions that the listener did not get, for a newer one: what a slow consumer may miss.</summary>
    public long Skipped { get; private set; }

    /// <summary>Events that came twice, or after a newer one.</summary>
    public long Doubled { get; private set; }

    /// <summary>Answers that refused a command, by code.</summary>
    public SortedDictionary<string, long> Refused { get; } = new(StringComparer.Ordinal);

    /// <summary>Commands under way on a connection that the server closed: its close code answers them all.</summary>
    public long Cut { get; private set; }

    /// <summary>Neither heard of, nor skipped, nor refused, nor cut.</summary>
    public long Lost => Sent - Delivered - Skipped - Refused.Values.Sum() - Cut;

    public void OnTimer(Peer peer, TimerEvent timer, long now)
    {
        var isFirst = peer.Version < 0 && _dialect != Dialect.Echo;
        var newer = timer.Version - Math.Max(peer.Version, 0);
        peer.Version = Math.Max(peer.Version, timer.Version);
        if (isFirst)
        {
            return; // the state on connecting
        }

        if (newer <= 0)
        {
            Doubled++;
            return;
        }

        var isMeasured = now >= _measureFrom && now < _measureTo;
        EventsInTime += isMeasured ? 1 : 0;
        if (peer != peer.User.Listener)
        {
            return;
        }

        Delivered++;
        Skipped += newer - 1;
        peer.User.UnderWay -= newer;
        if (peer.User.UnderWay < 0) // cut, but only after it was carried out: no other was sent since
        {
            Cut += peer.User.UnderWay;
            peer.User.UnderWay = 0;
        }

        DeliveredInTime += isMeasured ? 1 : 0;
        if (peer.User.Remembers(timer.Command))
        {
            var intendedAt = peer.User.IntendedAt(timer.Command);
            if (intendedAt >= _measureFrom && intendedAt < _measureTo)
            {
                Latency.Add(now - intendedAt);
            }
        }

        peer.User.Heard = timer.Command;
        if (_closedLoop && now < _measureTo)
        {
            Send(peer.User, now);
        }
    }

    public void OnError(Peer peer, string code)
    {
        Refused[code] = Refused.GetValueOrDefault(code) + 1;
        peer.User.UnderWay--;
        peer.User.Next += peer.User.Next % 2; // a run whose start was refused cannot be stopped: the next command is a start
        if (_closedLoop)
        {
            Send(peer.User, Stopwatch.GetTimestamp());
        }
    }

    public void OnClosed(Peer peer)
    {
        if (peer == peer.User.Sender)
        {
            Cut += peer.User.UnderWay;
            peer.User.UnderWay = 0;
            peer.User.Next += peer.User.Next % 2; // whether the last start was carried out is not known
        }
    }

    /// <summary>
    /// Sends at a fixed rate, evenly spread over time and users, whatever the server answers. Never sleeps: how long its own
    /// core takes to wake up, twice per command, is not the server's latency.
    /// </summary>
    /// <param name="perSecond">Commands per second.</param>
    /// <param name="warmUp">Sent before it is measured.</param>
    /// <param name="time">Measured.</param>
    /// <param name="onMeasuring">Called at its beginning and at its end.</param>
    public void RunOpen(double perSecond, TimeSpan warmUp, TimeSpan time, Action<bool> onMeasuring)
    {
        var (start, next) = (Stopwatch.GetTimestamp(), 0L);
        var interval = Stopwatch.Frequency / perSecond;
        _measureFrom = start + Ticks(warmUp);
        _measureTo = _measureFrom + Ticks(time);
        (Latency, Lateness) = (new(), new());
        var hasBegun = false;
        for (var now = start; now < _measureTo; now = Stopwatch.GetTimestamp())
        {
            if (!hasBegun && now >= _measureFrom)
            {
                hasBegun = true;
                onMeasuring(true);
            }

            var due = start + (long)(next * interval);
            if (due <= now)
            {
                Send(_users[next % _users.Length], due);
                if (due >= _measureFrom)
                {
                    Lateness.Add(Stopwatch.GetTimestamp() - due);
                }

                // Late or not, what has arrived is looked at every few commands.
                if (++next % 16 != 0)
                {
                    continue;
                }
            }

            _client.Poll(TimeSpan.Zero);
        }

        onMeasuring(false);
    }

    /// <summary>Each user sends the next command when its listener has heard of the one before.</summary>
    /// <param name="window">Commands that a user has under way.</param>
    /// <param name="warmUp">Before it is measured.</param>
    /// <param name="time">Measured.</param>
    /// <param name="onMeasuring">Called at its beginning and at its end.</param>
    public void RunClosed(int window, TimeSpan warmUp, TimeSpan time, Action<bool> onMeasuring)
    {
        (Latency, Lateness) = (new(), new());
        _measureFrom = Stopwatch.GetTimestamp() + Ticks(warmUp);
        _measureTo = _measureFrom + Ticks(time);
        _closedLoop = true;
        foreach (var user in _users)
        {
            for (var i = 0; i < window; i++)
            {
                Send(user, Stopwatch.GetTimestamp());
            }
        }

        _client.PollFor(warmUp);
        onMeasuring(true);
        _client.PollUntil(() => Stopwatch.GetTimestamp() >= _measureTo, time + TimeSpan.FromSeconds(1));
        onMeasuring(false);
        _closedLoop = false;
    }

    /// <summary>One command of each user, and waits until all have been heard of.</summary>
    public bool RunOnce(TimeSpan limit)
    {
        var wanted = Delivered + _users.Length;
        foreach (var user in _users)
        {
            while (!Send(user, Stopwatch.GetTimestamp()))
            {
                _client.Poll(TimeSpan.FromMilliseconds(1));
            }

            _client.Poll(TimeSpan.Zero);
        }

        return _client.PollUntil(() => Delivered >= wanted, limit);
    }

    /// <summary>Waits for what is still under way.</summary>
    public bool Drain(TimeSpan limit) => _client.PollUntil(() => Lost <= 0, limit);

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private bool Send(User user, long due)
    {
        var command = user.Next;
        if (!_client.Send(user, command))
        {
            return false;
        }

        user.IntendedAt(command) = due;
        user.Next++;
        user.UnderWay++;
        Sent++;
        return true;
    }
}
