using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;

namespace TimerSync.Benchmarks.Load;

/// <summary>The server under load: a process of its own, on a loopback port of its own.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private const double TicksPerSecond = 100; // USER_HZ of /proc, the same on every Linux
    private const int StolenField = 8; // after "cpu" and seven other times

    /// <summary>Where sessions share the processor, the session gets the nice value; else the process.</summary>
    private const string InPrioritySession = """
        if [ -e /proc/self/autogroup ]; then echo "$0" > /proc/self/autogroup; else renice -n "$0" $$ > /dev/null; fi
        exec "$@"
        """;

    private readonly List<string> _command;
    private readonly Dictionary<string, string> _environment;
    private readonly StringBuilder _output = new();
    private readonly bool _isOurs = true;
    private Process? _process;

    /// <param name="assembly">What <c>dotnet</c> runs.</param>
    /// <param name="arguments">Of the server; its address is added.</param>
    /// <param name="core">The only core that it may use; null for any.</param>
    /// <param name="nice">
    /// From -20, most of the processor, to 19; below 0 keeps off what the machine itself does at such priorities, and needs root.
    /// In a session of its own: Linux divides the processor between sessions first, and then within each (sched(7), autogroup).
    /// </param>
    /// <param name="environment">Variables such as <c>DOTNET_TieredPGO=0</c>.</param>
    public ServerProcess(string assembly, IEnumerable<string> arguments, int? core, int? nice = null, IEnumerable<string>? environment = null)
    {
        Address = new IPEndPoint(IPAddress.Loopback, FreePort());
        _environment = (environment ?? []).Select(one => one.Split('=', 2)).ToDictionary(one => one[0], one => one[1], StringComparer.Ordinal);
        _command = nice is null ? [] : ["setsid", "sh", "-c", InPrioritySession, nice.Value.ToString(CultureInfo.InvariantCulture)];
        _command.AddRange(core is null ? [] : ["taskset", "-c", core.Value.ToString(CultureInfo.InvariantCulture)]);
        _command.AddRange(["dotnet", assembly, .. arguments, $"--urls=http://{Address}"]);
    }

    private ServerProcess(IPEndPoint address, int? processId)
    {
        (Address, _command, _environment) = (address, [], []);
        _process = processId is null ? null : Process.GetProcessById(processId.Value);
        _isOurs = false;
    }

    public IPEndPoint Address { get; }

    /// <summary>The Release publish where there is one, else the build.</summary>
    public static string TimerSync
    {
        get
        {
            var published = Path.Combine(Metadata("RepositoryRoot"), "artifacts", "server", "TimerSync.dll");
            return File.Exists(published) ? published : Metadata("ServerAssembly");
        }
    }

    public static string ContentRoot(string assembly)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(assembly))!;
        return Directory.Exists(Path.Combine(folder, "wwwroot")) ? folder : Metadata("RepositoryRoot");
    }

    /// <summary>A server that runs already; without its process id its time and memory are unknown, and shown as 0.</summary>
    public static ServerProcess Attach(IPEndPoint address, int? processId) => new(address, processId);

    /// <summary>Starts it, and returns when it accepts sockets.</summary>
    /// <param name="probe">An upgrade request of which the answer is awaited: the first accepted socket.</param>
    /// <returns>From just before the start of the process until then.</returns>
    public TimeSpan Start(string probe)
    {
        var since = Stopwatch.GetTimestamp();
        Launch();
        while (!TryProbe(probe))
        {
            if (_process!.HasExited || Stopwatch.GetElapsedTime(since) > StartTimeout)
            {
                throw new InvalidOperationException($"The server did not start: {_output}");
            }

            Thread.Sleep(1);
        }

        return Stopwatch.GetElapsedTime(since);
    }

    /// <summary>Starts it and does not wait.</summary>
    public void Launch()
    {
        var start = new ProcessStartInfo(_command[0], _command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Remember(line.Data);
        _process.ErrorDataReceived += (_, line) => Remember(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary><c>kill -9</c>.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
    }

    /// <summary>User and system time that it has used.</summary>
    public TimeSpan CpuTime()
    {
        if (_process is null)
        {
            return TimeSpan.Zero;
        }

        var stat = File.ReadAllText($"/proc/{_process.Id}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // from field 3 on; the name may hold anything
        return TimeSpan.FromSeconds((Parse(fields[11]) + Parse(fields[12])) / TicksPerSecond);
    }

    /// <summary>What the host of a virtual machine has given to others since it booted, of all cores, while they had work (proc_stat(5), steal).</summary>
    public static TimeSpan StolenTime() => TimeSpan.FromSeconds(
        Parse(File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[StolenField]) / TicksPerSecond);

    /// <summary>Resident memory, in bytes.</summary>
    public long ResidentBytes()
    {
        if (_process is null)
        {
            return 0;
        }

        var line = File.ReadLines($"/proc/{_process.Id}/smaps_rollup").First(one => one.StartsWith("Rss:", StringComparison.Ordinal));
        return 1024 * Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    /// <summary>What it printed that is not information: warnings and errors.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public void Dispose()
    {
        if (_isOurs && _process is { HasExited: false })
        {
            Kill();
        }

        _process?.Dispose();
    }

    private static string Metadata(string key) => Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(one => one.Key == key).Value!;

    private static long Parse(string number) => long.Parse(number, CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private bool TryProbe(string probe)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 10_000 };
        try
        {
            socket.Connect(Address);
            socket.Send(Encoding.ASCII.GetBytes(probe));
            var answer = new byte[256];
            var length = socket.Receive(answer);
            return answer.AsSpan(0, length).StartsWith("HTTP/1.1 101 "u8)
                ? true
                : throw new InvalidOperationException($"The server refused a connection: {Encoding.UTF8.GetString(answer, 0, length)}");
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Remember(string? line)
    {
        lock (_output)
        {
            if (line is not null && _output.Length < 100_000)
            {
                _output.AppendLine(line);
            }
        }
    }
}
