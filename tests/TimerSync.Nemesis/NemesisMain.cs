using System.Globalization;
using TimerSync.Nemesis;

return await NemesisMain.RunAsync(args);

namespace TimerSync.Nemesis
{
    /// <summary>
    /// Black box under a nemesis: <c>--histories 200 --operations 1000 --kills 100</c>, or <c>--minutes 30</c>; with
    /// <c>--seed</c> the same plan again. Ends with 1 when anything was wrong.
    /// </summary>
    internal static class NemesisMain
    {
        /// <summary>Users of one server: as many as keep two cores busy.</summary>
        private const int HistoriesPerWave = 20;

        private const string Usage = "--histories N --operations N --kills N [--minutes N] [--seed N]";

        public static async Task<int> RunAsync(string[] args)
        {
            var options = new Dictionary<string, int>(StringComparer.Ordinal)
            {
                ["--histories"] = 200,
                ["--operations"] = 1000,
                ["--kills"] = 100,
                ["--minutes"] = 0,
                ["--seed"] = Random.Shared.Next(),
            };
            for (var i = 0; i < args.Length; i += 2)
            {
                if (!options.ContainsKey(args[i]) || i + 1 == args.Length
                    || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                {
                    await Console.Error.WriteLineAsync(Usage);
                    return 2;
                }

                options[args[i]] = value;
            }

            return await RunAsync(options["--histories"], options["--operations"], options["--kills"], TimeSpan.FromMinutes(options["--minutes"]), options["--seed"]);
        }

        private static async Task<int> RunAsync(int histories, int operations, int kills, TimeSpan atLeast, int seed)
        {
            Console.WriteLine($"seed {seed}");
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
            foreach (var result in results.Where(one => results.Count == 1 && one.Violations.Count > 0))
            {
                foreach (var violation in result.Violations.Take(5))
                {
                    Console.WriteLine($"  {violation}");
                }

                Console.WriteLine($"  in full: {result.File}");
            }
        }
    }
}
