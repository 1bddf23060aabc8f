using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using TimerSync.Tests;

namespace TimerSync.Nemesis;

/// <summary>How much of it.</summary>
/// <param name="Histories">Users, each of which makes one history.</param>
/// <param name="Operations">Presses of each.</param>
/// <param name="Kills">At least so many <c>kill -9</c>; each other fault a third as often.</param>
/// <param name="Seed">Of all choices; what the scheduler does with them differs from run to run.</param>
internal sealed record WavePlan(int Histories, int Operations, int Kills, int Seed);

/// <summary>What came out.</summary>
internal sealed record WaveResult(
    int Histories, int Operations, int Unknown, int Snapshots, int Kills, int Faults, TimeSpan Duration, IReadOnlyList<string> Violations, string? File);

/// <summary>One server with its own database, its users, and the nemesis; at the end every history is checked.</summary>
internal static class Wave
{
    private const int SigningKeyBytes = 64;

    /// <summary>A wave that is not done by then hangs, on however busy a machine.</summary>
    private static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(15);

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(3);

    private static readonly Fault[] OtherFaults = [Fault.Terminate, Fault.Pause, Fault.FullDisk, Fault.BlackHole, Fault.Cut];

    private static readonly string[] ErrorsOfFullDisk = ["TimerWriter", "HealthChecks", "JwtBearerHandler"];

    public static async Task<WaveResult> RunAsync(WavePlan plan)
    {
        var startedAt = History.Now;
        var random = new Random(plan.Seed);
        var signingKey = RandomNumberGenerator.GetBytes(SigningKeyBytes);
        await using var server = await TimerSyncServer.StartAsync(
            ("Database:Provider", "Sqlite"),
            ("Jwt:SigningKey", Convert.ToBase64String(signingKey)),
            ("Socket:CommandsPerSecond", "100000"),
            ("Socket:CommandBurst", "100000"));
        var people = MakePeople(server, signingKey, plan);
        await using var network = new FaultyProxy(server.Address.Port);
        await using var slowNetwork = new FaultyProxy(server.Address.Port, isSlow: true);
        using var client = server.CreateClient();
        client.Timeout = RequestTimeout;
        using var limit = new CancellationTokenSource(TimeMax);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);

        var devices = new List<(Person Person, SocketDevice Device)>();
        var working = new List<Task>();
        var watchers = new List<Task>();
        foreach (var person in people)
        {
            foreach (var (name, address, subprotocol) in new[]
            {
                ("page", server.Address, WireFormat.HtmlSubprotocol),
                ("far page", network.Address, WireFormat.HtmlSubprotocol),
                ("program", network.Address, WireFormat.JsonSubprotocol),
            })
            {
                var device = new SocketDevice(person, name, [address], subprotocol, random.Next());
                devices.Add((person, device));
                working.Add(device.RunAsync(limit.Token));
            }

            working.Add(new ScriptDevice(person, "script", client, random.Next()).RunAsync(limit.Token));
            var slow = new SocketDevice(person, "slow", [slowNetwork.Address], WireFormat.JsonSubprotocol, random.Next());
            devices.Add((person, slow));
            watchers.Add(slow.WatchAsync(watching.Token));
        }

        var violations = new List<string>();
        var faults = new Faults(server, network, random);
        var done = Task.WhenAll(working);
        var injected = 0;
        var order = FaultsInOrder(plan, random);
        try
        {
            foreach (var fault in order)
            {
                // Spread over the presses, so that each one hits a server at work.
                injected++;
                while (!done.IsCompleted && people.Sum(person => person.OperationsDone) < (double)plan.Histories * plan.Operations * injected / (order.Count + 1))
                {
                    await Task.WhenAny(done, Task.Delay(5, limit.Token));
                }

                await faults.InjectAsync(fault);
            }

            await done;
            await watching.CancelAsync();
            await Task.WhenAll(watchers);
            await FinishAsync(server, devices, limit.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            violations.Add($"not done after {TimeMax}");
        }
        catch (TimeoutException exception)
        {
            violations.Add(exception.Message);
        }

        await server.StopAsync();
        violations.AddRange(faults.Violations);
        violations.AddRange(server.Log.Where(IsUnexpected));
        var file = await JudgeAsync(server, people, plan.Seed, violations);

        return new WaveResult(
            plan.Histories,
            people.Sum(person => person.History.Operations.Count),
            people.Sum(person => person.History.Operations.Count(one => one.Outcome == Outcome.Unknown)),
            people.Sum(person => person.History.Sightings.Count),
            faults.Kills,
            order.Count,
            TimeSpan.FromMilliseconds(History.Now - startedAt),
            violations,
            file);
    }

    private static List<Person> MakePeople(TimerSyncServer server, byte[] signingKey, WavePlan plan)
    {
        using var database = Open(server, SqliteOpenMode.ReadWrite);
        return Person.Make(Accounts.Create(database, signingKey, plan.Histories), plan.Operations);
    }

    private static async Task<string?> JudgeAsync(TimerSyncServer server, List<Person> people, int seed, List<string> violations)
    {
        using var database = Open(server, SqliteOpenMode.ReadOnly);
        using var check = database.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        if (check.ExecuteScalar() as string is var integrity && integrity != "ok")
        {
            violations.Add($"the database is damaged: {integrity}");
        }

        return await Verdict.OfAsync(people, StoredTimers.Read(database), seed, violations);
    }

    private static SqliteConnection Open(TimerSyncServer server, SqliteOpenMode mode)
    {
        var database = new SqliteConnection($"Data Source={server.DatabaseFile};Mode={mode};Pooling=false");
        database.Open();
        return database;
    }

    private static List<Fault> FaultsInOrder(WavePlan plan, Random random)
    {
        var faults = new List<Fault>();
        for (var i = 0; i < plan.Kills; i++)
        {
            faults.Add(random.Next(6) switch { 0 => Fault.KillTwice, 1 => Fault.KillOnFullDisk, _ => Fault.Kill });
        }

        faults.AddRange(OtherFaults.SelectMany(fault => Enumerable.Repeat(fault, Math.Max(1, plan.Kills / 3))));
        var order = faults.ToArray();
        random.Shuffle(order);
        return [.. order];
    }

    /// <summary>Nobody presses any more: every connection must come to what the database says is the last version.</summary>
    private static Task FinishAsync(TimerSyncServer server, List<(Person Person, SocketDevice Device)> devices, CancellationToken cancellationToken) =>
        Task.WhenAll(devices.Select(one => one.Device.FinishAsync(() => Task.FromResult(ReadVersion(server, one.Person)), cancellationToken)));

    private static long ReadVersion(TimerSyncServer server, Person person)
    {
        using var database = Open(server, SqliteOpenMode.ReadOnly);
        return StoredTimers.ReadVersions(database).GetValueOrDefault(person.Account.UserId);
    }

    /// <summary>On a full disk commits, health checks and the look at a login session may fail; other errors do not belong here.</summary>
    private static bool IsUnexpected(string line) =>
        line.StartsWith("crit:", StringComparison.Ordinal)
        || (line.StartsWith("fail:", StringComparison.Ordinal)
            && !ErrorsOfFullDisk.Any(source => line.Contains(source, StringComparison.Ordinal)));
}
