namespace TimerSync.Simulation;

/// <summary>Runs seeds, each on its own, on all processors.</summary>
internal static class Seeds
{
    private const int CommitsPerForgottenSync = 3;

    /// <summary>Runs one seed.</summary>
    /// <param name="seed">Decides everything.</param>
    /// <param name="withoutSync">Uses a store that reports commits which are not on disk yet.</param>
    /// <param name="trace">Gets each step as a line.</param>
    public static SeedResult Run(int seed, bool withoutSync = false, Action<string>? trace = null) =>
        World.Run(seed, (clock, _) => new MemoryDisk(clock, withoutSync ? CommitsPerForgottenSync : 1), trace);

    /// <summary>Runs seeds until one fails.</summary>
    /// <returns>What happened in all of them, and the lowest seed that failed.</returns>
    public static (Counts Counts, SeedResult? Failed) RunMany(int from, int count, bool withoutSync = false)
    {
        var counts = new Counts();
        SeedResult? failed = null;
        var next = from - 1;
        var gate = new Lock();

        void Work()
        {
            for (int seed; (seed = Interlocked.Increment(ref next)) < from + count && Volatile.Read(ref failed) is null;)
            {
                var result = Run(seed, withoutSync);
                lock (gate)
                {
                    counts.Add(result.Counts);
                    failed = result.Violation is not null && (failed is null || seed < failed.Seed) ? result : failed;
                }
            }
        }

        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work)).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return (counts, failed);
    }
}
