namespace TimerSync.Simulation;

/// <summary>Time that passes only when the simulation says so; the server's clock may be wrong, and jump.</summary>
internal sealed class VirtualClock(DateTimeOffset start) : TimeProvider
{
    private readonly List<VirtualTimer> _timers = [];

    /// <summary>The right time, which passes evenly.</summary>
    public DateTimeOffset Now { get; private set; } = start;

    /// <summary>What the server takes for now.</summary>
    public DateTimeOffset OfServer => Now + Error;

    /// <summary>The latest that the server has ever taken for now.</summary>
    public DateTimeOffset LatestOfServer { get; private set; } = start;

    private TimeSpan Error { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => OfServer;

    public override long GetTimestamp() => Now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
        {
            throw new NotSupportedException("Nothing of the core uses a timer that repeats.");
        }

        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Somebody sets the server's clock.</summary>
    /// <param name="error">How wrong it is from now on.</param>
    public void SetServer(TimeSpan error)
    {
        Error = error;
        Look();
    }

    /// <summary>Moves on, and runs what is due, each at its own moment.</summary>
    public void Advance(TimeSpan by)
    {
        var end = Now + by;
        while (_timers.Where(timer => timer.DueAt <= end).MinBy(timer => timer.DueAt) is { } due)
        {
            Now = due.DueAt > Now ? due.DueAt : Now;
            Look();
            _timers.Remove(due);
            due.Fire();
        }

        Now = end;
        Look();
    }

    /// <summary>The process that set them is gone.</summary>
    public void ForgetTimers() => _timers.Clear();

    private void Look() => LatestOfServer = OfServer > LatestOfServer ? OfServer : LatestOfServer;

    private sealed class VirtualTimer(VirtualClock clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset DueAt { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            clock._timers.Remove(this);
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                DueAt = clock.Now + dueTime;
                clock._timers.Add(this);
            }

            return true;
        }

        public void Dispose() => clock._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
