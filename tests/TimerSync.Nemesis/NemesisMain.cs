using System.Globalization;
using TimerSync.Nemesis;

return await NemesisMain.RunAsync(args);

namespace TimerSync.Nemesis
{
    /// <summary>
    /// Black box under a nemesis: <c>--histories 200 --operations 1000 --kills 100</c>, or <c>--minutes 30</c>; with
    /// <c>postgres --kills 50 --restarts 20 --cuts 50 --pauses 20</c> two nodes on one PostgreSQL. With <c>--seed</c> the same
    /// plan again. Ends with 1 when anything was wrong.
    /// </summary>
    internal static class NemesisMain
    {
        /// <summary>Users of one server: as many as keep two cores busy.</summary>
        private const int HistoriesPerWave = 20;

        /// <summary>Kills, or pauses, of one wave on PostgreSQL: some two minutes.</summary>
        private const int FaultsPerWave = 10;

        private const string Usage = """
            [--histories N] [--operations N] [--kills N] [--minutes N] [--seed N]
            postgres [--histories N] [--kills N] [--restarts N] [--cuts N] [--pauses N] [--seed N]
            """;

        public static async Task<int> RunAsync(string[] args)
        {
            var isPostgres = args is ["postgres", ..];
            var options = isPostgres
                ? new Dictionary<string, int>(StringComparer.Ordinal)
                {
                    ["--histories"] = 6,
                    ["--kills"] = 50,
                    ["--restarts"] = 20,
                    ["--cuts"] = 50,
                    ["--pauses"] = 20,
                }
                : new Dictionary<string, int>(StringComparer.Ordinal)
                {
                    ["--histories"] = 200,
                    ["--operations"] = 1000,
                    ["--kills"] = 100,
                    ["--minutes"] = 0,
                };
            options["--seed"] = Random.Shared.Next();
            for (var i = isPostgres ? 1 : 0; i < args.Length; i += 2)
            {
                if (!options.ContainsKey(args[i]) || i + 1 == args.Length
                    || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                {
                    await Console.Error.WriteLineAsync(Usage);
                    return 2;
                }

                options[args[i]] = value;
            }

            Console.WriteLine($"seed {options["--seed"]}");
            return isPostgres
                ? await RunPostgresAsync(options)
                : await RunAsync(options["--histories"], options["--operations"], options["--kills"], TimeSpan.FromMinutes(options["--minutes"]), options["--seed"]);
        }

        /// <summary>In waves, so that a history stays short enough to be checked.</summary>
        private static async Task<int> RunPostgresAsync(Dictionary<string, int> options)
        {
            var left = new Dictionary<NodeFault, int>
            {
                [NodeFault.Kill] = options["--kills"],
                [NodeFault.Restart] = options["--restarts"],
                [NodeFault.Cut] = options["--cuts"],
                [NodeFault.Pause] = options["--pauses"],
            };
            var waves = Math.Max(1, (left.Values.Max() + FaultsPerWave - 1) / FaultsPerWave);
            var results = new List<PostgresResult>();
            for (; results.Count < waves; Print($"wave {results.Count}", results[^1..]))
            {
                var share = left.ToDictionary(one => one.Key, one => one.Value / (waves - results.Count));
                results.Add(await PostgresWave.RunAsync(new PostgresPlan(options["--histories"], share, options["--seed"] + results.Count)));
                left = left.ToDictionary(one => one.Key, one => one.Value - share[one.Key]);
            }

            Print("all", results);
            return results.Exists(one => one.Violations.Count > 0) ? 1 : 0;
        }

        private static void Print(string what, List<PostgresResult> results)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{what}: {results.Sum(one => one.Histories)} histories, {results.Sum(one => one.Operations):N0} commands ({results.Sum(one => one.Unknown):N0} without an answer), "
                + $"{results.Sum(one => one.Snapshots):N0} snapshots, {results.Sum(one => one.Violations.Count)} violations, {results.Sum(one => one.Duration.TotalSeconds):F0} s; right again after"));
            foreach (var fault in Enum.GetValues<NodeFault>())
            {
                var took = results.SelectMany(one => one.Recoveries[fault]).Select(one => one.TotalMilliseconds).Order().ToList();
                if (took.Count > 0)
                {
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {took.Count} x {fault}: median {took[took.Count / 2]:F0} ms, worst {took[^1]:F0} ms"));
                }
            }

            PrintViolations(results.ConvertAll(one => (one.Violations, one.File)));
        }

        private static void PrintViolations(List<(IReadOnlyList<string> Violations, string? File)> results)
        {
            foreach (var (violations, file) in results.Where(one => results.Count == 1 && one.Violations.Count > 0))
            {
                foreach (var violation in violations.Take(5))
                {
                    Console.WriteLine($"  {violation}");
                }

                Console.WriteLine($"  in full: {file}");
            }
        }

        private static async Task<int> RunAsync(int histories, int operations, int kills, TimeSpan atLeast, int seed)
        {
            var startedAt = History.Now;
            var results = new List<WaveResult>();
            while (results.Sum(one => one.Histories) < histories || TimeSpan.FromMilliseconds(History.Now - startedAt) < atLeast)
            {
                var left = histories - results.Sum(one => one.Histories);
                var size = left > 0 ? Math.Min(left, HistoriesPerWave) : HistoriesPerWave;
                var plan = new WavePlan(size, operations, (int)Math.Ceiling(kills * (double)size / histories), seed + results.Count);
                var result = await Wave.RunAsync(plan);
                results.Add(result);
                Print($"wave {results.Count}", [result]);
            }

            Print("all", results);
            return results.Exists(one => one.Violations.Count > 0) ? 1 : 0;
        }

        private static void Print(string what, List<WaveResult> results)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{what}: {results.Sum(one => one.Histories)} histories, {results.Sum(one => one.Operations):N0} commands ({results.Sum(one => one.Unknown):N0} without an answer), "
                + $"{results.Sum(one => one.Snapshots):N0} snapshots, {results.Sum(one => one.Kills)} kill -9 of {results.Sum(one => one.Faults)} faults, "
                + $"{results.Sum(one => one.Violations.Count)} violations, {results.Sum(one => one.Duration.TotalSeconds):F0} s"));
            PrintViolations(results.ConvertAll(one => (one.Violations, one.File)));
        }
    }
}
