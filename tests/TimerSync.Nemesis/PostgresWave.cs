using System.Security.Cryptography;
using Npgsql;
using TimerSync.Tests;
using TimerSync.Tests.Postgres;

namespace TimerSync.Nemesis;

internal enum NodeFault
{
    /// <summary><c>kill -9</c> of a node, and a new start; over when it is ready.</summary>
    Kill,

    /// <summary>The database stops, half the times without warning, and starts; over when it does.</summary>
    Restart,

    /// <summary>A node's listening connection carries nothing any more, and neither end is told. Over at once.</summary>
    Cut,

    /// <summary>SIGSTOP of a node, and SIGCONT after a while.</summary>
    Pause,
}

/// <summary>How much of it.</summary>
/// <param name="Histories">Users, each of which makes one history.</param>
/// <param name="Faults">How many of each.</param>
/// <param name="Seed">Of all choices; what the scheduler does with them differs from run to run.</param>
internal sealed record PostgresPlan(int Histories, IReadOnlyDictionary<NodeFault, int> Faults, int Seed)
{
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From a fault's end until every screen shows at least what was stored by then.</summary>
    public TimeSpan RecoveryMax { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>What came out.</summary>
internal sealed record PostgresResult(
    IReadOnlyDictionary<NodeFault, IReadOnlyList<TimeSpan>> Recoveries,
    int Histories, int Operations, int Unknown, int Snapshots, TimeSpan Duration, IReadOnlyList<string> Violations, string? File);

/// <summary>
/// Two nodes on one PostgreSQL, each behind a network of its own. The devices of a user are on both and change between them:
/// both nodes write the same users at once. Every user has a screen on each node that only looks on, which is where a
/// fault's end is measured. At the end every history is checked.
/// </summary>
internal sealed class PostgresWave : IAsyncDisposable
{
    private const int NodeCount = 2;
    private const int SigningKeyBytes = 64;
    private const int PauseBetweenPressesMilliseconds = 60;

    /// <summary>What is not there by then never comes.</summary>
    private static readonly TimeSpan HangTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(3);

    /// <summary>What a node may log as an error while its database is away.</summary>
    private static readonly string[] ErrorsOfLostDatabase = ["TimerWriter", "HealthChecks", "JwtBearerHandler", "EntityFrameworkCore"];

    private readonly PostgresPlan _plan;
    private readonly Random _random;
    private readonly PostgresCluster _cluster;
    private readonly List<TcpProxy> _networks = [];
    private readonly List<TimerSyncServer> _nodes = [];
    private readonly List<(Person Person, SocketDevice Device)> _screens = [];
    private readonly List<string> _violations = [];
    private readonly Dictionary<NodeFault, List<TimeSpan>> _recoveries = Enum.GetValues<NodeFault>().ToDictionary(fault => fault, _ => new List<TimeSpan>());
    private string _database = "";

    private PostgresWave(PostgresPlan plan, PostgresCluster cluster) => (_plan, _cluster, _random) = (plan, cluster, new Random(plan.Seed));

    public static async Task<PostgresResult> RunAsync(PostgresPlan plan)
    {
        await using var wave = new PostgresWave(plan, await PostgresCluster.StartAsync());
        return await wave.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        foreach (var network in _networks)
        {
            await network.DisposeAsync();
        }

        await _cluster.DisposeAsync();
    }

    private async Task<PostgresResult> RunAsync()
    {
        var startedAt = History.Now;
        var people = await StartAsync();
        var addresses = _nodes.Select(node => node.Address).ToArray();
        var clients = _nodes.ConvertAll(node => node.CreateClient());
        clients.ForEach(client => client.Timeout = RequestTimeout);
        using var ended = new CancellationTokenSource();

        var devices = new List<(Person Person, SocketDevice Device)>();
        var working = new List<Task>();
        var watching = new List<Task>();
        foreach (var (index, person) in people.Index())
        {
            foreach (var (name, subprotocol) in new[] { ("page", WireFormat.HtmlSubprotocol), ("far page", WireFormat.HtmlSubprotocol), ("program", WireFormat.JsonSubprotocol) })
            {
                var device = new SocketDevice(person, name, addresses, subprotocol, _random.Next(), PauseBetweenPressesMilliseconds);
                devices.Add((person, device));
                working.Add(device.RunAsync(ended.Token));
            }

            working.Add(new ScriptDevice(person, "script", clients[index % NodeCount], _random.Next()).RunAsync(ended.Token));
            foreach (var (node, address) in addresses.Index())
            {
                var screen = new SocketDevice(
                    person, $"screen on node {node}", [address], node == 0 ? WireFormat.HtmlSubprotocol : WireFormat.JsonSubprotocol, _random.Next());
                _screens.Add((person, screen));
                watching.Add(screen.WatchAsync(ended.Token));
            }
        }

        try
        {
            await RecoverAsync(History.Now); // everybody is there
            foreach (var fault in FaultsInOrder())
            {
                await Task.Delay(_random.Next(300));
                var took = await RecoverAsync(await InjectAsync(fault));
                _recoveries[fault].Add(took);
                if (took > _plan.RecoveryMax)
                {
                    _violations.Add($"{fault}: the right state after {took.TotalMilliseconds:F0} ms");
                }
            }

            people.ForEach(person => person.Stop());
            await Task.WhenAll(working).WaitAsync(HangTimeout);
            await FinishAsync(devices);
        }
        catch (TimeoutException exception)
        {
            _violations.Add($"hangs: {exception.Message}");
        }

        await ended.CancelAsync();
        await Task.WhenAll([.. watching, .. working]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        clients.ForEach(client => client.Dispose());
        _violations.AddRange(_nodes.SelectMany(node => node.Log).Where(IsUnexpected));
        var file = await Verdict.OfAsync(people, await ReadAsync(StoredTimers.Read), _plan.Seed, _violations);
        return new PostgresResult(
            _recoveries.ToDictionary(one => one.Key, one => (IReadOnlyList<TimeSpan>)one.Value),
            people.Count,
            people.Sum(person => person.History.Operations.Count),
            people.Sum(person => person.History.Operations.Count(one => one.Outcome == Outcome.Unknown)),
            people.Sum(person => person.History.Sightings.Count),
            TimeSpan.FromMilliseconds(History.Now - startedAt),
            _violations,
            file);
    }

    private async Task<List<Person>> StartAsync()
    {
        var signingKey = RandomNumberGenerator.GetBytes(SigningKeyBytes);
        _database = await _cluster.CreateDatabaseAsync();
        for (var i = 0; i < NodeCount; i++)
        {
            _networks.Add(TcpProxy.Start(_cluster.Port));
            _nodes.Add(await TimerSyncServer.StartAsync(
                ("Database:Provider", "Postgres"),
                ("Database:ConnectionString", _networks[i].Through(_database)),
                ("Jwt:SigningKey", Convert.ToBase64String(signingKey)),
                ("Socket:CommandsPerSecond", "100000"),
                ("Socket:CommandBurst", "100000")));
        }

        return Person.Make(await ReadAsync(database => Accounts.Create(database, signingKey, _plan.Histories)), operations: int.MaxValue);
    }

    private NodeFault[] FaultsInOrder()
    {
        var order = _plan.Faults.SelectMany(one => Enumerable.Repeat(one.Key, one.Value)).ToArray();
        _random.Shuffle(order);
        return order;
    }

    /// <returns>When the fault was over.</returns>
    private async Task<long> InjectAsync(NodeFault fault)
    {
        var index = _random.Next(NodeCount);
        var node = _nodes[index];
        switch (fault)
        {
            case NodeFault.Kill:
                await node.KillAsync();
                await Task.Delay(_random.Next(300));
                await node.StartAgainAsync();
                break;
            case NodeFault.Restart:
                await (_random.Next(2) == 0 ? _cluster.StopAsync() : _cluster.CrashAsync());
                await Task.Delay(_random.Next(2000));
                await _cluster.StartAgainAsync();
                break;
            case NodeFault.Cut:
                await WaitAsync("no listener", () => Task.FromResult(_networks[index].Darken("timersync listener") > 0));
                break;
            case NodeFault.Pause:
                await node.SignalAsync("STOP");
                await Task.Delay(_plan.Pause);
                await node.SignalAsync("CONT");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault, "No such fault.");
        }

        return History.Now;
    }

    /// <summary>Until every screen shows what the database holds now, or something newer, and both nodes say that they are ready.</summary>
    private async Task<TimeSpan> RecoverAsync(long overAt)
    {
        var stored = await ReadAsync(StoredTimers.ReadVersions);
        await WaitAsync("a screen", () => Task.FromResult(
            _screens.TrueForAll(one => one.Device.LiveVersion >= stored.GetValueOrDefault(one.Person.Account.UserId))));
        var took = TimeSpan.FromMilliseconds(History.Now - overAt);
        foreach (var node in _nodes)
        {
            using var client = node.CreateClient();
            await WaitAsync("readyz", async () =>
            {
                using var answer = await client.GetAsync("/readyz");
                return answer.IsSuccessStatusCode;
            });
        }

        return took;
    }

    /// <summary>Nobody presses any more: every connection must come to what the database says is the last version.</summary>
    private Task FinishAsync(List<(Person Person, SocketDevice Device)> devices) =>
        Task.WhenAll(devices.Select(one => one.Device.FinishAsync(
            async () => (await ReadAsync(StoredTimers.ReadVersions)).GetValueOrDefault(one.Person.Account.UserId), CancellationToken.None)));

    private async Task<TResult> ReadAsync<TResult>(Func<NpgsqlConnection, TResult> read)
    {
        await using var database = new NpgsqlConnection($"{_database};Pooling=false");
        await database.OpenAsync();
        return read(database);
    }

    private static async Task WaitAsync(string what, Func<Task<bool>> isTrue)
    {
        var begun = History.Now;
        while (!await isTrue())
        {
            await Task.Delay(5);
            if (History.Now - begun > HangTimeout.TotalMilliseconds)
            {
                throw new TimeoutException(what);
            }
        }
    }

    private static bool IsUnexpected(string line) =>
        line.StartsWith("crit:", StringComparison.Ordinal)
        || (line.StartsWith("fail:", StringComparison.Ordinal)
            && !ErrorsOfLostDatabase.Any(source => line.Contains(source, StringComparison.Ordinal)));
}
