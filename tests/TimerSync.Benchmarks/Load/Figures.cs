using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace TimerSync.Benchmarks.Load;

/// <summary>Measured times, and what is said of them.</summary>
internal sealed class Times
{
    private readonly List<long> _ticks = new(1 << 16);
    private bool _sorted;

    public int Count => _ticks.Count;

    public void Add(long stopwatchTicks)
    {
        _ticks.Add(stopwatchTicks);
        _sorted = false;
    }

    /// <returns>Milliseconds; not a number when nothing was measured.</returns>
    public double Percentile(double percent)
    {
        if (_ticks.Count == 0)
        {
            return double.NaN;
        }

        if (!_sorted)
        {
            _ticks.Sort();
            _sorted = true;
        }

        var rank = Math.Clamp((int)Math.Ceiling(percent / 100 * _ticks.Count) - 1, 0, _ticks.Count - 1);
        return _ticks[rank] * 1000.0 / Stopwatch.Frequency;
    }

    public override string ToString() => Count == 0 ? "nothing measured" : string.Create(CultureInfo.InvariantCulture,
        $"p50 {Percentile(50):F2}  p90 {Percentile(90):F2}  p99 {Percentile(99):F2}  p99.9 {Percentile(99.9):F2}  max {Percentile(100):F2} ms  ({Count:N0})");
}

/// <summary>What a commit costs at least on this machine.</summary>
internal static class DiskProbe
{
    private const int BlockBytes = 4096;
    private const int Rounds = 500;

    /// <summary>
    /// Writes 4 KiB and calls fdatasync, again and again, beside the database. Over what is there already, as a write-ahead
    /// log is written: a file that grows costs several times as much.
    /// </summary>
    /// <param name="folder">Where the database is.</param>
    /// <param name="pause">
    /// Between two of them, none by default. A virtual disk, and a processor that halts meanwhile, can take three times as long for
    /// one that comes alone as for one of many: what a commit costs is what one at the pace of the commands does.
    /// </param>
    public static Times Run(string folder, TimeSpan pause = default)
    {
        var path = Path.Combine(folder, "fdatasync.probe");
        var times = new Times();
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, options: FileOptions.DeleteOnClose);
        var block = RandomNumberGenerator.GetBytes(BlockBytes);
        RandomAccess.Write(file, new byte[BlockBytes * Rounds], 0);
        Linux.SyncData(file);
        for (var i = 0; i < Rounds; i++)
        {
            var since = Stopwatch.GetTimestamp();
            RandomAccess.Write(file, block, (long)i * BlockBytes);
            Linux.SyncData(file);
            times.Add(Stopwatch.GetTimestamp() - since);
            if (pause > TimeSpan.Zero)
            {
                Thread.Sleep(pause);
            }
        }

        return times;
    }
}
