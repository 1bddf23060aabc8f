using System.Diagnostics;
using System.Globalization;

namespace TimerSync.Benchmarks.Load;

/// <summary><c>load</c>: one server, one load, the figures.</summary>
internal static class LoadCommand
{
    private static readonly TimeSpan SlowReadersLimit = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var settings = LoadSettings.Read(arguments);
        var mode = arguments.Text("mode", "traffic");
        Pin(arguments.Text("core"));
        arguments.RequireNoOthers();

        using var run = await LoadRun.StartAsync(settings);
        Line("start to first accepted socket", Invariant($"{run.StartTime.TotalSeconds:F2} s, of which {run.Server.CpuTime().TotalSeconds:F2} s on the processor"));
        Line("fdatasync", DiskProbe.Run(run.Folder).ToString());
        switch (mode)
        {
            case "traffic":
                if (settings.Rate > 0)
                {
                    Line("fdatasync at the pace of the load", DiskProbe.Run(run.Folder, TimeSpan.FromSeconds(1 / settings.Rate)).ToString());
                }

                RunTraffic(run);
                break;
            case "memory":
                Memory.Print(Memory.Measure(run, settings.Idle));
                break;
            case "restart":
                Restart.Print(Restart.Measure(run));
                break;
            default:
                throw new ArgumentException($"Modes are traffic, memory and restart, not '{mode}'.", nameof(arguments));
        }

        if (run.Server.Output.Length > 0)
        {
            Console.WriteLine($"The server said:\n{run.Server.Output}");
        }

        return 0;
    }

    /// <summary>Keeps this program to one core, all its threads.</summary>
    public static void Pin(string? core)
    {
        if (core is not null)
        {
            using var taskset = Process.Start(new ProcessStartInfo(
                "taskset", ["-a", "-c", "-p", core, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)])
            { RedirectStandardOutput = true, UseShellExecute = false })!;
            taskset.WaitForExit();
        }
    }

    public static void Line(string name, string value) => Console.WriteLine($"{name,-34} {value}");

    private static void RunTraffic(LoadRun run)
    {
        var since = Stopwatch.GetTimestamp();
        var cpu = run.Server.CpuTime();
        run.Connect();
        cpu = run.Server.CpuTime() - cpu;
        Line("connections", Invariant($"{run.Client.OpenCount:N0}, all up after {Stopwatch.GetElapsedTime(since).TotalSeconds:F1} s; server CPU {cpu.TotalMicroseconds / run.Client.OpenCount:F0} µs each"));
        run.Client.Reconnects = true;
        var result = run.Measure();
        var slowReaders = run.Client.Peers.Where(peer => peer.Role == Role.SlowReader).ToArray();
        Array.ForEach(slowReaders, run.Client.StartReading);
        var caughtUp = run.Client.PollUntil(() => slowReaders.All(one => one.Version == one.User.Listener!.Version), SlowReadersLimit);

        Line("command to the other connection", result.Latency.ToString());
        Line("the load program's own lateness", result.Lateness.ToString());
        Line("delivered", Invariant($"{result.CommandsPerSecond:N0} commands/s to the other connection, {result.EventsPerSecond:N0} events/s in all"));
        Line("server CPU", Invariant($"{result.CpuPerEvent:F1} µs per event, {100 * result.ServerCpu:F0} % of a core; RSS {run.Server.ResidentBytes() / 1048576.0:F0} MiB"));
        Line("load program CPU", Invariant($"{100 * result.ClientCpu:F0} % of a core"));
        Line("stolen by the host", Invariant($"{result.Stolen.TotalSeconds:F2} s of all cores"));
        var traffic = run.Traffic;
        Line("commands", Invariant($"{traffic.Sent:N0} sent, {traffic.Delivered:N0} delivered, {traffic.Skipped:N0} skipped for a newer one, {traffic.Refused.Values.Sum():N0} refused, {traffic.Cut:N0} cut, {traffic.Lost:N0} lost, {traffic.Doubled:N0} events doubled, {run.Client.NotSent:N0} not sent"));
        Line("refused", traffic.Refused.Count == 0 ? "none" : string.Join(", ", traffic.Refused.Select(one => Invariant($"{one.Key} {one.Value:N0}"))));
        Line("closed", run.Client.Closes.Count == 0 ? "none" : string.Join(", ", run.Client.Closes.Select(one => Invariant($"{one.Key}: {one.Value:N0}"))));
        if (slowReaders.Length > 0)
        {
            Line("slow readers", caughtUp ? "all have the newest version" : "some do not have the newest version");
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
