using System.Globalization;
using System.Net;

namespace TimerSync.Benchmarks.Load;

/// <summary>What to load, and with what.</summary>
internal sealed record LoadSettings
{
    /// <summary>Accounts that send; each has a connection that sends and one that listens.</summary>
    public int Users { get; init; } = 100;

    /// <summary>Further accounts with one connection that does nothing.</summary>
    public int Idle { get; init; }

    /// <summary>Further connections of the first accounts that read nothing while it is measured.</summary>
    public int SlowReaders { get; init; }

    /// <summary>Commands per second; 0 sends the next when the last has been delivered (closed loop).</summary>
    public double Rate { get; init; } = 200;

    /// <summary>Commands that a user has under way in the closed loop.</summary>
    public int Window { get; init; } = 1;

    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(10);

    public Dialect Dialect { get; init; } = Dialect.Json;

    /// <summary><c>echo</c> or <c>signalr</c> instead of TimerSync.</summary>
    public string? Yardstick { get; init; }

    /// <summary>The assembly that is started.</summary>
    public string ServerAssembly { get; init; } = ServerProcess.TimerSync;

    /// <summary>The only core of the server; null for any.</summary>
    public int? ServerCore { get; init; }

    /// <summary>The server's nice value, from -20 to 19, in a session of its own; null leaves it as it is.</summary>
    public int? ServerNice { get; init; }

    public IReadOnlyList<string> ServerSettings { get; init; } = [];

    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>A prepared database, used in place; null for a new one.</summary>
    public string? Database { get; init; }

    /// <summary>A server that runs already; its accounts are made by signing up.</summary>
    public IPEndPoint? Running { get; init; }

    public int? RunningProcess { get; init; }

    public static LoadSettings Read(Arguments arguments)
    {
        var yardstick = arguments.Text("yardstick");
        return new LoadSettings
        {
            Users = arguments.Number("users", 100),
            Idle = arguments.Number("idle", 0),
            SlowReaders = arguments.Number("slow-readers", 0),
            Rate = arguments.Number("rate", 200),
            Window = arguments.Number("window", 1),
            WarmUp = TimeSpan.FromSeconds(arguments.Number("warm-up", 3)),
            Time = TimeSpan.FromSeconds(arguments.Number("seconds", 10)),
            Dialect = Dialect.Named(yardstick ?? arguments.Text("subprotocol", "json")),
            Yardstick = yardstick,
            ServerAssembly = yardstick is null ? arguments.Text("server", ServerProcess.TimerSync) : typeof(LoadSettings).Assembly.Location,
            ServerCore = Optional(arguments, "server-core"),
            ServerNice = Optional(arguments, "server-nice"),
            ServerSettings = [.. arguments.ServerSettings()],
            Environment = arguments.Text("environment")?.Split(',') ?? [],
            Database = arguments.Text("database"),
            Running = arguments.Text("url") is { } url ? IPEndPoint.Parse(new Uri(url).Authority.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)) : null,
            RunningProcess = Optional(arguments, "pid"),
        };
    }

    private static int? Optional(Arguments arguments, string name) =>
        arguments.Text(name) is { } number ? int.Parse(number, CultureInfo.InvariantCulture) : null;
}
