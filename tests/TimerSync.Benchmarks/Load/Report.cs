using System.Globalization;

namespace TimerSync.Benchmarks.Load;

/// <summary>
/// <c>report</c>: everything that RESULTS.md has a target for, measured in turn, several times over, so that a slow minute of
/// the machine hits all alike; prints the medians as a Markdown table.
/// </summary>
internal sealed class Report
{
    private const int IdleConnections = 10_000;
    private const int FewIdleConnections = 100;
    private const int ClosedLoopUsers = 512;
    private const int DefaultCommandsPerSecond = 20;

    private readonly Dictionary<string, List<double>> _values = new(StringComparer.Ordinal);
    private readonly LoadSettings _settings;
    private readonly string? _bigDatabase;
    private readonly Func<string, bool> _isAsked;

    private Report(LoadSettings settings, string? bigDatabase, Func<string, bool> isAsked) =>
        (_settings, _bigDatabase, _isAsked) = (settings, bigDatabase, isAsked);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var settings = LoadSettings.Read(arguments);
        var runs = arguments.Number("runs", 5);
        var only = arguments.Text("only")?.Split(',');
        var report = new Report(settings, arguments.Text("big-database"), part => only is null || only.Contains(part, StringComparer.Ordinal));
        LoadCommand.Pin(arguments.Text("core"));
        arguments.RequireNoOthers();
        for (var run = 1; run <= runs; run++)
        {
            await Console.Error.WriteLineAsync($"run {run} of {runs}");
            await report.RunOnceAsync();
        }

        report.Print(runs);
        return 0;
    }

    private async Task RunOnceAsync()
    {
        var thousand = _settings with { Users = 1000, Rate = 1000 };
        await PartAsync("latency", async () =>
        {
            await LoadAsync("unloaded", _settings with { Users = 20, Rate = 200, WarmUp = TimeSpan.FromSeconds(10) });
            await LoadAsync("1,000/s", thousand);
        });
        await PartAsync("throughput", async () =>
        {
            var closed = _settings with { Users = ClosedLoopUsers, Rate = 0 };
            await LoadAsync("peak", closed);
            await LoadAsync("one", closed with { ServerSettings = [.. _settings.ServerSettings, "--Database:CommandsPerCommit=1"] });
            await LoadAsync("signalr", Yardstick(closed, "signalr"));
            await LoadAsync("echo", Yardstick(closed, "echo"));
        });
        await PartAsync("memory", async () =>
        {
            var idle = _settings with { Users = 1, Idle = IdleConnections };
            await MemoryAsync("memory", idle);
            await MemoryAsync("memory signalr", Yardstick(idle, "signalr"));
        });
        await PartAsync("idle", async () =>
        {
            await LoadAsync("few idle", thousand with { Idle = FewIdleConnections });
            await LoadAsync("many idle", thousand with { Idle = IdleConnections });
        });
        await PartAsync("restart", async () =>
        {
            using var run = await LoadRun.StartAsync(_settings with { Users = IdleConnections / 2 });
            var restart = Restart.Measure(run);
            Add("restart", restart.BackAfter?.TotalSeconds ?? double.PositiveInfinity);
            Add("restart wrong", restart.Wrong);
        });
        if (_bigDatabase is not null)
        {
            await PartAsync("big", async () =>
            {
                await LoadAsync("empty", thousand);
                await LoadAsync("big", thousand with { Database = _bigDatabase });
            });
        }

        await PartAsync("overload", async () =>
        {
            // As many users as the limit per connection lets the server carry, each sending three times its share.
            if (double.IsNaN(Median("peak commands")))
            {
                await LoadAsync("peak", _settings with { Users = ClosedLoopUsers, Rate = 0 });
            }

            var peak = Median("peak commands");
            await LoadAsync("overload", _settings with
            {
                Users = (int)(peak / DefaultCommandsPerSecond),
                Rate = 3 * peak,
                WarmUp = _settings.WarmUp + TimeSpan.FromSeconds(5), // what may be sent at once is used up
                ServerSettings = [.. _settings.ServerSettings, $"--Socket:CommandsPerSecond={DefaultCommandsPerSecond}", "--Socket:CommandBurst=60"],
            });
        });
    }

    private static LoadSettings Yardstick(LoadSettings settings, string name) => settings with
    {
        Yardstick = name,
        Dialect = Dialect.Named(name),
        ServerAssembly = typeof(Report).Assembly.Location,
    };

    private Task PartAsync(string name, Func<Task> measure) => _isAsked(name) ? measure() : Task.CompletedTask;

    private async Task LoadAsync(string name, LoadSettings settings)
    {
        using var run = await LoadRun.StartAsync(settings);
        Add($"{name} start", run.StartTime.TotalSeconds);
        Add("fdatasync", DiskProbe.Run(run.Folder).Percentile(50));
        if (settings.Rate > 0)
        {
            Add($"{name} fdatasync", DiskProbe.Run(run.Folder, TimeSpan.FromSeconds(1 / settings.Rate)).Percentile(50));
        }

        run.Connect();
        if (settings.Idle > 0)
        {
            run.Client.PollFor(Memory.Settle); // measured is that they are there, not that they come
        }

        run.Client.Reconnects = true;
        var result = run.Measure();
        Add($"{name} p50", result.Latency.Percentile(50));
        Add($"{name} p99", result.Latency.Percentile(99));
        Add($"{name} commands", result.CommandsPerSecond);
        Add($"{name} events", result.EventsPerSecond);
        Add($"{name} cpu", result.CpuPerEvent);
        Add($"{name} refused", run.Traffic.Refused.Values.Sum());
        Add($"{name} closed", run.Client.Closes.Values.Sum());
        Add($"{name} cut", run.Traffic.Cut);
        Add("lost or doubled", settings.Yardstick is null ? run.Traffic.Lost + run.Traffic.Doubled : 0);
        await Console.Error.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"  {name}: {result.CommandsPerSecond:N0}/s, {result.Latency}, {result.CpuPerEvent:F1} µs per event, {result.Stolen.TotalSeconds:F2} s stolen"));
    }

    private async Task MemoryAsync(string name, LoadSettings settings)
    {
        using var run = await LoadRun.StartAsync(settings);
        var memory = Memory.Measure(run, settings.Idle);
        var slopes = memory.Slopes.ToArray();
        Add(name, memory.PerConnection / 1024);
        Add($"{name} further", memory.PerFurtherConnection / 1024);
        Add($"{name} slope", 100 * slopes.Max(slope => Math.Abs((slope / slopes.Average()) - 1)));
        Add($"{name} left", 100.0 * (memory.Resident[^1].Bytes - memory.Resident[0].Bytes) / (memory.Resident[^2].Bytes - memory.Resident[0].Bytes));
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"  {name}: {memory.PerConnection / 1024:F1}, {memory.PerFurtherConnection / 1024:F1} KiB"));
    }

    private void Add(string name, double value)
    {
        if (!_values.TryGetValue(name, out var values))
        {
            _values[name] = values = [];
        }

        values.Add(value);
    }

    private double Median(string name)
    {
        if (!_values.TryGetValue(name, out var values))
        {
            return double.NaN;
        }

        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private void Print(int runs)
    {
        Console.WriteLine($"Medians of {runs} runs.\n\n| what | target | measured | holds |\n| --- | --- | --- | --- |");
        Row("unloaded p50, ms", Median("unloaded p50"), "≤", Median("fdatasync") + 0.6, "fdatasync p50 + 0.6");
        Row("the same, against an fdatasync at that pace", Median("unloaded p50"), "≤", Median("unloaded fdatasync") + 0.6, "its p50 + 0.6");
        Row("unloaded p99, ms", Median("unloaded p99"), "≤", 4);
        Row("1,000 commands/s on 2,000 connections: p99, ms", Median("1,000/s p99"), "≤", 10);
        Row("commands/s at the other connection", Median("peak commands"), "≥", 10_000);
        Row("events/s in all", Median("peak events"), "≥", 20_000);
        Row("times one commit per command", Median("peak commands") / Median("one commands"), "≥", 4);
        Row("times the SignalR yardstick", Median("peak commands") / Median("signalr commands"), "≥", 3);
        Row("RSS per idle connection of 10,000, KiB", Median("memory"), "≤", 14);
        Row("the same from the first 1,000 on (without what is taken once)", Median("memory further"), "≤", 14);
        Row("the first, of the SignalR yardstick's", Median("memory") / Median("memory signalr"), "≤", 1);
        Row("slopes from 1,000 to 10,000 apart, %", Median("memory slope"), "≤", 10);
        Row("memory kept after they left, %", Median("memory left"), "≤", 50);
        Row("p99 with 10,000 idle beside, times that with 100", Median("many idle p99") / Median("few idle p99"), "≤", 1.2);
        Row("10,000 back after kill -9, s", Median("restart"), "≤", 15);
        Row("with a wrong state", Median("restart wrong"), "≤", 0);
        Row("start to first accepted socket, s", Median("peak start"), "≤", 1);
        Row("the same with 1,000,000 users, 5,000,000 runs, s", Median("big start"), "≤", 1);
        Row("p99 with those, times that of an empty database", Median("big p99") / Median("empty p99"), "≤", 1.2);
        Row("goodput at three times the load, of the peak", Median("overload commands") / Median("peak commands"), "≥", 0.8);
        Row("lost or doubled events", Median("lost or doubled"), "≤", 0);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            fdatasync p50 {Median("fdatasync"):F2} ms. Commands/s: one commit per command {Median("one commands"):N0}, SignalR {Median("signalr commands"):N0}, echo {Median("echo commands"):N0}.
            Server CPU per event, µs: peak {Median("peak cpu"):F1}, 1,000/s {Median("1,000/s cpu"):F1}, SignalR {Median("signalr cpu"):F1}, echo {Median("echo cpu"):F1}.
            SignalR's RSS per idle connection: {Median("memory signalr"):F1} KiB. In overload: {Median("overload refused"):N0} commands refused, {Median("overload cut"):N0} on {Median("overload closed"):N0} connections closed with 4429.
            """));
    }

    private static void Row(string what, double measured, string relation, double target, string? targetName = null)
    {
        if (!double.IsNaN(measured))
        {
            var holds = relation == "≤" ? measured <= target : measured >= target;
            var name = targetName is null ? "" : $"{targetName} = ";
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {what} | {relation} {name}{target:#,0.##} | {measured:#,0.##} | {(holds ? "yes" : "**no**")} |"));
        }
    }
}
