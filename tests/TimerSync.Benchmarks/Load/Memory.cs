using System.Globalization;

namespace TimerSync.Benchmarks.Load;

/// <summary>Resident memory of the server against the number of idle connections.</summary>
/// <param name="Resident">Bytes, by connections; the last one is after all have left.</param>
internal sealed record Memory(IReadOnlyList<(int Connections, long Bytes)> Resident)
{
    private const int Steps = 4;
    private const int FirstStep = 1000;

    /// <summary>From the last one's coming; by then the server has collected what the handshakes left.</summary>
    public static readonly TimeSpan Settle = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan SettleAfterLeaving = TimeSpan.FromSeconds(20);

    /// <summary>Bytes per connection of them all.</summary>
    public double PerConnection => (Resident[^2].Bytes - Resident[0].Bytes) / (double)Resident[^2].Connections;

    /// <summary>Bytes per connection from the first 1,000 on: what is taken once, such as compiled code, is left out.</summary>
    public double PerFurtherConnection => (Resident[^2].Bytes - Resident[1].Bytes) / (double)(Resident[^2].Connections - Resident[1].Connections);

    /// <summary>Bytes per connection from step to step, from the first 1,000 on.</summary>
    public IEnumerable<double> Slopes => Resident.Skip(1).SkipLast(2)
        .Zip(Resident.Skip(2), (from, to) => (to.Bytes - from.Bytes) / (double)(to.Connections - from.Connections));

    public static Memory Measure(LoadRun run, int connections)
    {
        var resident = new List<(int, long)>();
        for (var step = -1; step <= Steps; step++)
        {
            var count = step < 0 ? 0 : FirstStep + ((connections - FirstStep) * step / Steps);
            run.ConnectIdle(count);
            run.Client.PollFor(Settle);
            resident.Add((count, run.Server.ResidentBytes()));
        }

        foreach (var peer in run.Client.Peers)
        {
            run.Client.Leave(peer);
        }

        run.Client.PollFor(SettleAfterLeaving);
        resident.Add((0, run.Server.ResidentBytes()));
        return new Memory(resident);
    }

    public static void Print(Memory memory)
    {
        LoadCommand.Line("RSS", string.Join(", ", memory.Resident.Select(one =>
            string.Create(CultureInfo.InvariantCulture, $"{one.Connections:N0}: {one.Bytes / 1048576.0:F1} MiB"))));
        LoadCommand.Line("per idle connection", string.Create(CultureInfo.InvariantCulture, $"{memory.PerConnection / 1024:F1} KiB; from the first 1,000 on {memory.PerFurtherConnection / 1024:F1} KiB"));
        LoadCommand.Line("from step to step", string.Join(", ", memory.Slopes.Select(one =>
            string.Create(CultureInfo.InvariantCulture, $"{one / 1024:F1}"))) + " KiB");
    }
}
