using BenchmarkDotNet.Attributes;
using TimerSync.Benchmarks.Data;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Benchmarks.Micro;

/// <summary>One durable transaction of so many starts, each of another user: on a real file, with every flush to the disk.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // Cleanup disposes: BenchmarkDotNet calls it.
public class CommitBenchmarks
#pragma warning restore CA1001
{
    private const int Users = 1000;

    private string _folder = "";
    private BenchDatabase? _database;
    private SqliteTimerStore? _store;
    private int _next;

    [Params(1, 8, 64, 256)]
    public int Commands { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("timersync-bench-").FullName;
        _database = await BenchDatabase.OpenAsync(Path.Combine(_folder, "timersync.db"));
        _database.AddUsers(Users);
        _store = new SqliteTimerStore(_database.Options, _database.Start.Identity, _database.EpochFile);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _store?.Dispose();
        _database?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark]
    public object Commit()
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var commands = new TimerCommand[Commands];
        for (var i = 0; i < commands.Length; i++)
        {
            commands[i] = new TimerCommand(TimerAction.Start, BenchDatabase.UserId(_next++ % Users), Guid.NewGuid(), now);
        }

        return _store!.Commit(commands, now);
    }
}
