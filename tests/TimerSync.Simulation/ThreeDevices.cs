using TimerSync.Infrastructure.Timers;
using TimerSync.Simulation.Model;

namespace TimerSync.Simulation;

/// <summary>
/// Three devices of one person, each with spells without a network, whose presses arrive late, twice and in any order, but
/// each device's own in the order in which they were made. Whatever the order, the end is the same.
/// </summary>
internal static class ThreeDevices
{
    public const int Devices = 3;

    private const string UserId = "u_0";
    private const int PressesMax = 12;
    private const int Orders = 4;

    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Runs interleavings until one fails.</summary>
    /// <returns>The lowest one that failed; null when all held.</returns>
    public static (int Seed, string Violation)? RunMany(int from, int count)
    {
        var violations = new string?[count];
        Parallel.For(0, count, i => violations[i] = Run(from + i));
        var first = Array.FindIndex(violations, violation => violation is not null);
        return first < 0 ? null : (from + first, violations[first]!);
    }

    /// <returns>What went wrong; null when nothing did.</returns>
    public static string? Run(int seed)
    {
        var random = new Random(seed);
        var presses = MakePresses(random);
        var ends = Enumerable.Range(0, Orders).Select(_ => Deliver(presses, random)).ToList();
        return ends.Find(end => end.Violation is not null).Violation
            ?? ends.Select(end => end.State).Distinct(StringComparer.Ordinal).Skip(1).FirstOrDefault() switch
            {
                null => null,
                var other => $"two orders, two ends: {ends[0].State} and {other}",
            };
    }

    /// <summary>What is pressed on each device, by its own view: what it pressed, and what it had heard when it was online.</summary>
    private static List<TimerCommand>[] MakePresses(Random random)
    {
        var presses = new List<TimerCommand>[Devices];
        var runs = new List<Guid>();
        for (var device = 0; device < Devices; device++)
        {
            presses[device] = [];
            var now = Start;
            for (var i = random.Next(1, PressesMax); i > 0; i--)
            {
                now += TimeSpan.FromSeconds(random.Next(4)); // 0: at the same moment as others
                var own = presses[device].Where(press => press.Action == TimerAction.Start).Select(press => press.RunId).ToList();
                if (own.Count == 0 || random.Next(2) == 0)
                {
                    runs.Add(NewRun(random));
                    presses[device].Add(new TimerCommand(TimerAction.Start, UserId, runs[^1], now));
                }
                else
                {
                    presses[device].Add(new TimerCommand(TimerAction.Stop, UserId, own[random.Next(own.Count)], now));
                }
            }
        }

        // A device that is online knows the runs of the others, and stops them too.
        foreach (var stop in runs.Where(_ => random.Next(2) == 0))
        {
            presses[random.Next(Devices)].Add(new TimerCommand(TimerAction.Stop, UserId, stop, Start + TimeSpan.FromSeconds(random.Next(-5, 60))));
        }

        return presses;
    }

    private static (string State, string? Violation) Deliver(List<TimerCommand>[] presses, Random random)
    {
        using var disk = new MemoryDisk(TimeProvider.System, isBatched: random.Next(2) == 0);
        var model = TimerModel.Empty;
        var ends = model.EffectiveEnds();
        var waiting = presses.Select(list => new Queue<TimerCommand>(list)).ToArray();
        var sent = new List<TimerSnapshot>();
        var delivered = new List<TimerCommand>();
        string? violation = null;
        while (violation is null && waiting.Any(queue => queue.Count > 0))
        {
            var device = random.Next(Devices);
            var spell = random.Next(1, PressesMax); // it was offline, and sends all of it now
            while (violation is null && spell-- > 0 && waiting[device].TryDequeue(out var press))
            {
                delivered.Add(press);
                violation = Apply(press) ?? (random.Next(4) == 0 ? Apply(delivered[random.Next(delivered.Count)]) : null);
            }
        }

        // Stops that came before their start are sent again: the rule asks for that one order (CONTRACT.md, section 6).
        foreach (var stop in presses.SelectMany(list => list).Where(press => press.Action == TimerAction.Stop))
        {
            violation ??= Apply(stop);
        }

        var current = model.Read();
        for (var device = 0; device < Devices; device++)
        {
            var shown = Show(sent, random);
            violation ??= (shown.Id, shown.StoppedAt, shown.Version) != (current.Id, current.StoppedAt, current.Version)
                ? $"a device shows {shown}, the model has {current}"
                : null;
        }

        return (string.Join(", ", model.EffectiveEnds().Select(end => $"{end.Key} {end.Value:T}").Prepend($"{current.Id}")), violation);

        string? Apply(TimerCommand press)
        {
            var result = disk.Commit([press], Start)[0];
            (var outcome, model) = press.Action == TimerAction.Start ? model.Start(press.RunId, press.At) : model.Stop(press.RunId, press.At);
            sent.Add(result.Snapshot!);
            var before = ends;
            ends = model.EffectiveEnds();
            var later = before.FirstOrDefault(end => end.Value is { } was && !(ends[end.Key] <= was)).Key;
            return disk.FindDamage()
                ?? (later != default ? $"{press} moves the end of {later} to a later moment" : null)
                ?? (result.Outcome.ToString() != outcome.ToString() ? $"{press}: {result.Outcome}, the model says {outcome}" : null);
        }
    }

    /// <summary>Events reach a device in any order, some not at all, but for the newest; a lower version is ignored.</summary>
    private static TimerSnapshot Show(List<TimerSnapshot> sent, Random random)
    {
        var received = sent.Where(_ => random.Next(2) == 0).Append(sent[^1]).ToArray();
        random.Shuffle(received);
        return received.Aggregate((shown, next) => next.Version < shown.Version ? shown : next);
    }

    private static Guid NewRun(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
