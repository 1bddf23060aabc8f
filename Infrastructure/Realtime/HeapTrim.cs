namespace TimerSync.Infrastructure.Realtime;

/// <summary>
/// When to compact the heap. A handshake leaves about as much garbage as the connection keeps, and connections that ended
/// leave holes between what lives on; a server that is idle allocates nothing, so that no collection would come by itself
/// and the memory would stay taken. It stops everything for about 15 ms per 1,000 connections, hence only when nothing goes on.
/// Measured in tests/TimerSync.Benchmarks/RESULTS.md.
/// </summary>
internal sealed class HeapTrim(TimeProvider clock)
{
    /// <summary>Fewer connections are not worth it.</summary>
    private const int ChangeMin = 500;

    /// <summary>Nor is less than a quarter of what was there.</summary>
    private const int ShareMin = 4;

    /// <summary>
    /// Who allocates more from one call to the next is at work: some 400 presses do. The pings of 10,000 idle connections stay below.
    /// </summary>
    private const long IdleBytesMax = 1024 * 1024;

    /// <summary>So long it must be quiet: by then what is left of those who left is gone too. At most one pause in this time.</summary>
    private static readonly TimeSpan QuietTime = Connection.CloseTimeout + TimeSpan.FromSeconds(1);

    private long _quietSince = clock.GetTimestamp();
    private long _lastAllocated;
    private int _trimmedCount;
    private int _lastCount;

    /// <param name="count">Connections now; to be told once a second.</param>
    /// <returns>Whether many came or left since the last time, and nothing goes on any more.</returns>
    public bool IsDue(int count)
    {
        var allocated = GC.GetTotalAllocatedBytes();
        if (Math.Abs(count - _lastCount) >= ChangeMin / 10 || allocated - _lastAllocated > IdleBytesMax)
        {
            _quietSince = clock.GetTimestamp();
        }

        (_lastCount, _lastAllocated) = (count, allocated);
        var change = Math.Abs(count - _trimmedCount);
        if (change < ChangeMin || change < _trimmedCount / ShareMin || clock.GetElapsedTime(_quietSince) < QuietTime)
        {
            return false;
        }

        _trimmedCount = count;
        return true;
    }

    /// <summary>Aggressive: gives back to the system what is free afterwards.</summary>
    public static void Run() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
