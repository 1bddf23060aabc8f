using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;

namespace TimerSync.Tests;

/// <summary>The real server, in a process of its own, on a free loopback port, with a database of its own.</summary>
public sealed class TimerSyncServer : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    private const int PortMin = 15_000;
    private const int PortMax = 32_000;

    private static int _nextPort = Random.Shared.Next(PortMin, PortMax);

    private readonly Dictionary<string, string> _settings;
    private readonly ConcurrentQueue<string> _log = new();
    private Process? _process;

    private TimerSyncServer(IEnumerable<(string Key, string Value)> settings)
    {
        Folder = Directory.CreateTempSubdirectory("timersync-test-").FullName;
        Address = new Uri($"http://127.0.0.1:{FreePort()}");
        _settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["urls"] = Address.GetLeftPart(UriPartial.Authority),
            ["Database:ConnectionString"] = $"Data Source={DatabaseFile}",
            ["Login:PasswordHashIterations"] = "1000", // each test has a user of its own: the default would be most of its time
        };
        foreach (var (key, value) in settings)
        {
            _settings[key] = value;
        }
    }

    /// <summary>Adds the settings of a database to those of a test; as it is, each server makes an SQLite file of its own.</summary>
    public static Func<(string Key, string Value)[], Task<(string Key, string Value)[]>> ChooseDatabase { get; set; } = Task.FromResult;

    public static string RepositoryRoot => Metadata("RepositoryRoot");

    /// <summary>The program: a published one that <c>TIMERSYNC_TEST_SERVER</c> names, as <c>test.sh</c> does, else the one that was built.</summary>
    public static string ServerAssembly => Published ?? Metadata("ServerAssembly");

    private static string? Published => Environment.GetEnvironmentVariable("TIMERSYNC_TEST_SERVER") is { Length: > 0 } path ? path : null;

    /// <summary>Of this server alone; deleted with it.</summary>
    public string Folder { get; }

    /// <summary>Of SQLite.</summary>
    public string DatabaseFile => Path.Combine(Folder, "timersync.db");

    public Uri Address { get; }

    /// <summary>The value of a configuration key; null where the server has its default.</summary>
    public string? Setting(string key) => _settings.GetValueOrDefault(key);

    /// <summary>The server's own origin, as a browser sends it.</summary>
    public string Origin => Address.GetLeftPart(UriPartial.Authority);

    /// <summary>Everything that the process printed, over all its starts.</summary>
    public IEnumerable<string> Log => _log;

    public bool IsRunning => _process is { HasExited: false };

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server is not running.");

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="settings">Configuration keys as in CONTRACT.md, section 5; <c>environment</c> defaults to Production.</param>
    public static async Task<TimerSyncServer> StartAsync(params (string Key, string Value)[] settings)
    {
        var server = new TimerSyncServer(await ChooseDatabase(settings));
        try
        {
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync(); // nobody else has it
            throw;
        }
    }

    /// <summary>Runs the program until it ends by itself, as it does for settings that make no sense.</summary>
    public static async Task<(int ExitCode, string Output)> RunToEndAsync(params (string Key, string Value)[] settings)
    {
        await using var server = new TimerSyncServer(await ChooseDatabase(settings));
        server._process = server.Launch();
        using var timeout = new CancellationTokenSource(StartTimeout);
        await server._process.WaitForExitAsync(timeout.Token);
        return (server._process.ExitCode, string.Join('\n', server.Log));
    }

    /// <summary>Changes a setting, from the next start on.</summary>
    public void Configure(string key, string value) => _settings[key] = value;

    /// <summary>Starts the same server again: same address, same database.</summary>
    public async Task StartAgainAsync()
    {
        _process = Launch();
        using var client = new HttpClient { BaseAddress = Address };
        using var timeout = new CancellationTokenSource(StartTimeout);
        while (true)
        {
            try
            {
                using var answer = await client.GetAsync("/readyz", timeout.Token);
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException) when (!_process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), timeout.Token); // not listening yet
            }
            catch (HttpRequestException exception)
            {
                await _process.WaitForExitAsync(timeout.Token); // all that it printed has been read then
                throw new InvalidOperationException($"The server ended: {string.Join('\n', Log.TakeLast(20))}", exception);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException($"The server is not ready after {StartTimeout}: {string.Join('\n', Log.TakeLast(20))}", exception);
            }
        }
    }

    /// <summary><c>kill -9</c>: nothing is finished, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends it a signal, such as <c>STOP</c>.</summary>
    public async Task SignalAsync(string name)
    {
        using var signal = Process.Start("kill", [$"-{name}", ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await signal.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        await SignalAsync("TERM");
        using var timeout = new CancellationTokenSource(StopTimeout);
        await _process!.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    public HttpClient CreateClient() => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Address };

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            await KillAsync();
        }

        _process?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static string Metadata(string key) => Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(one => one.Key == key).Value!;

    /// <summary>
    /// None of those that the system gives to outgoing connections: while a server is down, one of its clients, trying again
    /// and again, would sooner or later be given the server's own. And one after the other: what two servers that start at the
    /// same time were both given, one of them would lose, and its test would talk to the other.
    /// </summary>
    internal static int FreePort()
    {
        while (true)
        {
            var port = PortMin + (int)((uint)Interlocked.Increment(ref _nextPort) % (PortMax - PortMin));
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }

    private Process Launch()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = Folder };
        start.ArgumentList.Add(ServerAssembly);
        start.ArgumentList.Add($"--contentRoot={(Published is null ? RepositoryRoot : Path.GetDirectoryName(Published))}");
        foreach (var (key, value) in _settings)
        {
            start.ArgumentList.Add($"--{key}={value}");
        }

        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Remember(line.Data);
        process.ErrorDataReceived += (_, line) => Remember(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private void Remember(string? line)
    {
        if (line is not null)
        {
            _log.Enqueue(line);
        }
    }
}
