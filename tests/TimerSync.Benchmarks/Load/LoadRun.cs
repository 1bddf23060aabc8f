using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using TimerSync.Benchmarks.Data;

namespace TimerSync.Benchmarks.Load;

/// <summary>What one measurement found.</summary>
/// <param name="Latency">From the intended moment of sending to the event at the other connection.</param>
/// <param name="Lateness">Of the load program itself.</param>
/// <param name="CommandsPerSecond">Delivered to the other connection.</param>
/// <param name="EventsPerSecond">Delivered to all connections.</param>
/// <param name="CpuPerEvent">Server time, in microseconds.</param>
/// <param name="ServerCpu">Share of one core.</param>
/// <param name="ClientCpu">Share of one core.</param>
/// <param name="Stolen">By the machine's host, of all cores, in the measured time: where that differs, tails cannot be compared.</param>
internal sealed record LoadResult(
    Times Latency, Times Lateness, double CommandsPerSecond, double EventsPerSecond, double CpuPerEvent, double ServerCpu, double ClientCpu, TimeSpan Stolen);

/// <summary>One server with its database, its users and their connections, from start to end.</summary>
internal sealed class LoadRun : IDisposable
{
    private const int SigningKeyBytes = 32;
    private const int SignUpsAtOnce = 4;

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(60);

    private readonly LoadSettings _settings;
    private readonly User[] _idleUsers;

    private LoadRun(LoadSettings settings, string folder, ServerProcess server, User[] users)
    {
        (_settings, Folder, Server) = (settings, folder, server);
        Users = users[..settings.Users];
        _idleUsers = users[settings.Users..];
        Traffic = new Traffic(
            traffic => Client = new LoadClient(Server.Address, settings.Dialect) { OnTimer = traffic.OnTimer, OnError = traffic.OnError, OnClosed = traffic.OnClosed },
            settings.Dialect,
            Users);
    }

    /// <summary>Of this run alone; deleted with it.</summary>
    public string Folder { get; }

    public ServerProcess Server { get; }

    public User[] Users { get; }

    public Traffic Traffic { get; }

    public LoadClient Client { get; private set; } = null!;

    /// <summary>From the start of the process to the first accepted socket.</summary>
    public TimeSpan StartTime { get; private set; }

    /// <summary>Makes database and accounts, starts the server; nobody is connected yet.</summary>
    public static async Task<LoadRun> StartAsync(LoadSettings settings)
    {
        var folder = Directory.CreateTempSubdirectory("timersync-bench-").FullName;
        if (settings.Running is not null)
        {
            var running = ServerProcess.Attach(settings.Running, settings.RunningProcess);
            return new LoadRun(settings, folder, running, await SignUpAsync(running, settings.Users + settings.Idle));
        }

        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SigningKeyBytes));
        var file = settings.Database ?? Path.Combine(folder, "timersync.db");
        User[] users;
        using (var database = await BenchDatabase.OpenAsync(file, key))
        {
            users = database.AddUsers(settings.Users + settings.Idle);
        }

        string[] arguments = settings.Yardstick is { } yardstick
            ? ["yardstick", yardstick, $"--database={file}"]
            :
            [
                $"--contentRoot={ServerProcess.ContentRoot(settings.ServerAssembly)}",
                $"--Database:ConnectionString=Data Source={file}",
                $"--Jwt:SigningKey={key}",
                "--Logging:LogLevel:Default=Warning",
                "--Logging:LogLevel:Microsoft.Hosting.Lifetime=Warning",
                "--Socket:CommandsPerSecond=1000000",
                "--Socket:CommandBurst=1000000",
                .. settings.ServerSettings, // the last one counts
            ];
        var server = new ServerProcess(settings.ServerAssembly, arguments, settings.ServerCore, settings.ServerNice, settings.Environment);
        var run = new LoadRun(settings, folder, server, users);
        run.StartTime = server.Start(run.Client.UpgradeRequest(users[0]));
        return run;
    }

    /// <summary>Opens all connections that the settings ask for.</summary>
    public void Connect()
    {
        foreach (var user in Users)
        {
            user.Sender = Client.Add(user, Role.Sender);
            user.Listener = _settings.Dialect.HasListeners ? Client.Add(user, Role.Listener) : user.Sender;
        }

        for (var i = 0; i < _settings.SlowReaders; i++)
        {
            Client.Add(Users[i % Users.Length], Role.SlowReader);
        }

        ConnectIdle(_idleUsers.Length);
        WaitUntilOpen();
    }

    /// <summary>Opens connections of idle users, each with one, until there are so many in all.</summary>
    public void ConnectIdle(int count)
    {
        for (var i = Client.Peers.Count(peer => peer.Role == Role.Idle); i < count; i++)
        {
            Client.Add(_idleUsers[i], Role.Idle);
        }

        WaitUntilOpen();
    }

    /// <summary>Loads the server as the settings say.</summary>
    public LoadResult Measure()
    {
        var (server, client, stolen, since) = (TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, 0L);
        var elapsed = TimeSpan.Zero;
        var before = Traffic.DeliveredInTime;
        var eventsBefore = Traffic.EventsInTime;
        void OnMeasuring(bool begins)
        {
            if (begins)
            {
                (server, client, stolen, since) = (Server.CpuTime(), Environment.CpuUsage.TotalTime, ServerProcess.StolenTime(), Stopwatch.GetTimestamp());
            }
            else
            {
                elapsed = Stopwatch.GetElapsedTime(since);
                (server, client, stolen) = (Server.CpuTime() - server, Environment.CpuUsage.TotalTime - client, ServerProcess.StolenTime() - stolen);
            }
        }

        if (_settings.Rate > 0)
        {
            Traffic.RunOpen(_settings.Rate, _settings.WarmUp, _settings.Time, OnMeasuring);
        }
        else
        {
            Traffic.RunClosed(_settings.Window, _settings.WarmUp, _settings.Time, OnMeasuring);
        }

        var (commands, events) = (Traffic.DeliveredInTime - before, Traffic.EventsInTime - eventsBefore);
        Traffic.Drain(DrainLimit);
        return new LoadResult(
            Traffic.Latency, Traffic.Lateness, commands / elapsed.TotalSeconds, events / elapsed.TotalSeconds,
            events == 0 ? double.NaN : server.TotalMicroseconds / events, server / elapsed, client / elapsed, stolen);
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Waits until all are open and have the state that comes first.</summary>
    private void WaitUntilOpen()
    {
        var hasState = _settings.Dialect != Dialect.Echo;
        if (!Client.PollUntil(
            () => Client.OpenCount == Client.Peers.Count && (!hasState || Client.Peers.All(peer => peer.Version >= 0 || !peer.IsReading)),
            ConnectLimit))
        {
            throw new InvalidOperationException($"Only {Client.OpenCount} of {Client.Peers.Count} connections came up: {Server.Output}");
        }
    }

    private static async Task<User[]> SignUpAsync(ServerProcess server, int count)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{server.Address}") };
        var users = new User[count];
        var salt = Guid.NewGuid().ToString("N")[..8];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = SignUpsAtOnce }, async (i, cancellationToken) =>
        {
            using var answer = await http.PostAsJsonAsync("/login", new { username = $"bench-{salt}-{i}", password = "correct horse" }, cancellationToken);
            answer.EnsureSuccessStatusCode();
            var login = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            users[i] = new User(login.GetProperty("user_id").GetString()!, login.GetProperty("access_token").GetString()!);
        });
        return users;
    }
}
