using System.Diagnostics;
using System.Globalization;

namespace TimerSync.Simulation;

/// <summary>
/// <c>--seeds N</c> runs seeds 0 to N - 1; <c>--from M</c> starts elsewhere; <c>--seed N [--trace]</c> runs one and shows it;
/// <c>--without-sync</c> uses a store that forgets, which must be caught; <c>devices --count N</c> lets three devices
/// interleave. Ends with 0 when all held.
/// </summary>
internal static class SimulationProgram
{
    public static int Main(string[] arguments)
    {
        var options = Options.Parse(arguments);
        return options.Seed is { } seed ? RunOne(seed, options) : RunMany(options);
    }

    private static int RunOne(int seed, Options options)
    {
        var trace = new List<string>();
        var result = Seeds.Run(seed, options.WithoutSync, trace.Add);
        trace.ForEach(line => Console.WriteLine(line));
        Console.WriteLine(result.Violation is { } violation ? $"seed {seed}, step {result.Step}: {violation}" : $"seed {seed}: held, {result.Counts}");
        return result.Violation is null ? 0 : 1;
    }

    private static int RunMany(Options options)
    {
        var clock = Stopwatch.StartNew();
        var (counts, failed) = Seeds.RunMany(options.From, options.Count, options.WithoutSync);
        if (failed is { } found)
        {
            var trace = new Queue<string>();
            Seeds.Run(found.Seed, options.WithoutSync, line =>
            {
                trace.Enqueue(line);
                if (trace.Count > Options.TraceLinesShown)
                {
                    trace.Dequeue();
                }
            });
            Console.WriteLine(string.Join('\n', trace));
            Console.WriteLine($"seed {found.Seed}, step {found.Step}: {found.Violation}");
            Console.WriteLine($"again: dotnet run -c Release --project tests/TimerSync.Simulation -- --seed {found.Seed} --trace");
        }

        Console.WriteLine(counts);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{options.Count:N0} seeds, {(failed is null ? "all held" : "FAILED")}, {clock.Elapsed.TotalSeconds:F1} s"));
        return failed is null ? 0 : 1;
    }

    private sealed record Options(int From, int Count, int? Seed, bool WithoutSync)
    {
        public const int TraceLinesShown = 60;

        public static Options Parse(string[] arguments)
        {
            int? Number(string name) => Array.IndexOf(arguments, name) is >= 0 and var at
                ? int.Parse(arguments[at + 1], CultureInfo.InvariantCulture)
                : null;

            return new Options(Number("--from") ?? 0, Number("--seeds") ?? 1000, Number("--seed"), arguments.Contains("--without-sync"));
        }
    }
}
