namespace TimerSync.Features.SyncSocket;

/// <summary>
/// A token bucket of one connection. The framework's is an object with a lock and a timer; this one is a few fields in the
/// connection's loop, which alone uses it.
/// </summary>
/// <param name="perSecond">How fast it fills.</param>
/// <param name="burst">How much it holds.</param>
/// <param name="clock">Its monotonic time stamp is used.</param>
internal struct TokenBucket(int perSecond, int burst, TimeProvider clock)
{
    private double _tokens = burst;
    private long _filledAt = clock.GetTimestamp();

    public bool TryTake()
    {
        var now = clock.GetTimestamp();
        _tokens = Math.Min(burst, _tokens + (clock.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond));
        _filledAt = now;
        if (_tokens < 1)
        {
            return false;
        }

        _tokens--;
        return true;
    }
}
