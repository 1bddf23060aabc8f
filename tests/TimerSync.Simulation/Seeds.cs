namespace TimerSync.Simulation;

/// <summary>What the server stores on.</summary>
internal enum StoreKind
{
    /// <summary>One seed in two hundred runs on SQLite, which takes twenty times as long.</summary>
    Mixed,

    /// <summary>Memory alone.</summary>
    Memory,

    /// <summary>The real store, on files.</summary>
    Sqlite,

    /// <summary>Reports commits that are not on disk yet: must be caught.</summary>
    WithoutSync,
}

/// <summary>Runs seeds, each on its own, on all processors.</summary>
internal static class Seeds
{
    private const int SqliteEvery = 200;
    private const int BatchedEvery = 2;
    private const int CommitsPerForgottenSync = 3;

    /// <summary>Runs one seed.</summary>
    /// <param name="seed">Decides everything.</param>
    /// <param name="store">What the server stores on.</param>
    /// <param name="trace">Gets each step as a line.</param>
    public static SeedResult Run(int seed, StoreKind store, Action<string>? trace = null) => World.Run(
        seed,
        clock => store switch
        {
            StoreKind.Sqlite => new SqliteDisk(clock),
            StoreKind.Mixed when seed % SqliteEvery == 0 => new SqliteDisk(clock),
            StoreKind.WithoutSync => new MemoryDisk(clock, commitsPerSync: CommitsPerForgottenSync),
            _ => new MemoryDisk(clock, isBatched: seed % BatchedEvery != 0),
        },
        trace);

    /// <summary>Runs seeds until one fails.</summary>
    /// <returns>What happened in all of them, and the lowest seed that failed.</returns>
    public static (Counts Counts, SeedResult? Failed) RunMany(int from, int count, StoreKind store)
    {
        var counts = new Counts();
        SeedResult? failed = null;
        var next = from - 1;
        var gate = new Lock();

        void Work()
        {
            for (int seed; (seed = Interlocked.Increment(ref next)) < from + count && Volatile.Read(ref failed) is null;)
            {
                var result = Run(seed, store);
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
