using System.Diagnostics;
using System.Globalization;

namespace TimerSync.Simulation;

/// <summary>
/// <c>--seeds N [--from M]</c> runs N seeds; <c>--seed N [--trace]</c> one of them; <c>--store mixed|memory|sqlite|withoutsync</c>
/// chooses what the server stores on; <c>devices --count N</c> lets three devices interleave. Ends with 0 when all held.
/// </summary>
internal static class SimulationProgram
{
    private const int TraceLinesShown = 60;

    public static int Main(string[] arguments)
    {
        int? Number(string name) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
        string? Text(string name) => Array.IndexOf(arguments, name) is >= 0 and var at ? arguments[at + 1] : null;

        var store = Text("--store") is { } named ? Enum.Parse<StoreKind>(named, ignoreCase: true) : StoreKind.Mixed;
        if (arguments.Contains("devices"))
        {
            return RunDevices(Number("--from") ?? 0, Number("--count") ?? 10_000);
        }

        return Number("--seed") is { } seed
            ? RunOne(seed, store, arguments.Contains("--trace"))
            : RunMany(Number("--from") ?? 0, Number("--seeds") ?? 1000, store);
    }

    private static int RunOne(int seed, StoreKind store, bool isTraced)
    {
        var result = Seeds.Run(seed, store, isTraced ? Console.WriteLine : null);
        Console.WriteLine(result.Violation is { } violation ? $"seed {seed}, step {result.Step}: {violation}" : $"seed {seed}: held, digest {result.Digest:x16}\n{result.Counts}");
        return result.Violation is null ? 0 : 1;
    }

    private static int RunMany(int from, int count, StoreKind store)
    {
        var clock = Stopwatch.StartNew();
        var (counts, failed) = Seeds.RunMany(from, count, store);
        if (failed is { } found)
        {
            Console.WriteLine(LastStepsOf(found.Seed, store));
            Console.WriteLine($"seed {found.Seed}, step {found.Step}: {found.Violation}");
            Console.WriteLine($"again: dotnet run -c Release --project tests/TimerSync.Simulation -- --seed {found.Seed} --store {store} --trace");
        }

        Console.WriteLine(counts);
        return Conclude($"{count:N0} seeds", failed is null, clock);
    }

    private static int RunDevices(int from, int count)
    {
        var clock = Stopwatch.StartNew();
        var failed = ThreeDevices.RunMany(from, count);
        if (failed is { } found)
        {
            Console.WriteLine($"interleaving {found.Seed}: {found.Violation}");
            Console.WriteLine($"again: dotnet run -c Release --project tests/TimerSync.Simulation -- devices --from {found.Seed} --count 1");
        }

        return Conclude($"{count:N0} interleavings of {ThreeDevices.Devices} devices", failed is null, clock);
    }

    private static int Conclude(FormattableString what, bool held, Stopwatch clock)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{FormattableString.Invariant(what)}, {(held ? "all held" : "FAILED")}, {clock.Elapsed.TotalSeconds:F1} s"));
        return held ? 0 : 1;
    }

    private static string LastStepsOf(int seed, StoreKind store)
    {
        var lines = new Queue<string>();
        Seeds.Run(seed, store, line =>
        {
            lines.Enqueue(line);
            if (lines.Count > TraceLinesShown)
            {
                lines.Dequeue();
            }
        });
        return string.Join('\n', lines);
    }
}
