namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// When to compact the heap. A handshake leaves about as much garbage as the connection keeps, and connections that ended
/// leave holes between what lives on; a server that is idle allocates nothing, so that no collection would ever come by
/// itself and the memory would stay taken. Measured in tests/TimerSync.Benchmarks/RESULTS.md.
/// </summary>
internal sealed class HeapTrim(TimeProvider clock)
{
    /// <summary>Fewer connections are not worth a pause.</summary>
    private const int ChangeMin = 500;

    /// <summary>Nor is less than a quarter of what was there: while they go on coming, the pauses become rare.</summary>
    private const int ShareMin = 4;

    /// <summary>No more come or leave for so long: by then what is left of those who left is gone too. At most one pause in this time.</summary>
    private static readonly TimeSpan SteadyTime = Connection.CloseTimeout + TimeSpan.FromSeconds(1);

    private long _steadySince = clock.GetTimestamp();
    private int _trimmedCount;
    private int _lastCount;

    /// <param name="count">Connections now; to be told about once a second.</param>
    /// <returns>Whether many came or left since the last time, and no more do.</returns>
    public bool IsDue(int count)
    {
        if (Math.Abs(count - _lastCount) >= ChangeMin / 10)
        {
            _steadySince = clock.GetTimestamp();
        }

        _lastCount = count;
        var change = Math.Abs(count - _trimmedCount);
        if (change < ChangeMin || change < _trimmedCount / ShareMin || clock.GetElapsedTime(_steadySince) < SteadyTime)
        {
            return false;
        }

        _trimmedCount = count;
        return true;
    }

    /// <summary>Aggressive: gives back to the system what is free afterwards.</summary>
    public static void Run() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
