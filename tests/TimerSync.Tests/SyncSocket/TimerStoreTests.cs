using System.Data.Common;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Database.Sqlite;
using TimerSync.Infrastructure.Timers;
using TimerSync.Tests.Postgres;
using TimerSync.Tests.Timers;

namespace TimerSync.Tests.SyncSocket;

/// <summary>CONTRACT.md, sections 3 and 6: what is stored, and in which version, by a real engine.</summary>
public abstract class TimerStoreTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = Presses.Begin.AddDays(1);

    private DatabaseIdentity _identity = null!;
    private ITimerStore _store = null!;
    private DbConnection _reader = null!;
    private int _groups;

    public async ValueTask InitializeAsync() => (_identity, _store, _reader) = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        _store.Dispose();
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A new database: what it is called, a store of it, and a connection beside the store.</summary>
    private protected abstract Task<(DatabaseIdentity Identity, ITimerStore Store, DbConnection Reader)> OpenAsync();

    private protected abstract Task CloseAsync();

    /// <returns>Whether the engine refused because of that kind of constraint.</returns>
    private protected abstract bool IsRefusal(DbException exception, bool isUnique);

    [Fact]
    public void Batches_of_any_commands_are_answered_and_stored_as_the_contract_says()
    {
        const int CommandsPerBatchMax = 12;
        const int BatchesMax = 6;
        var batches = Arb.From(
            Presses.One.ArrayOf().Select(batch => batch[..Math.Min(batch.Length, CommandsPerBatchMax)]).ArrayOf()
                .Select(all => all[..Math.Min(all.Length, BatchesMax)]),
            all => all.Select((_, i) => (Press[][])[.. all[..i], .. all[(i + 1)..]]));

        Prop.ForAll(batches, all =>
        {
            var group = NewGroup();
            var model = new TimerModel();
            foreach (var batch in all)
            {
                var commands = Array.ConvertAll(batch, press => press.ToCommand(group));
                var results = _store.Commit(commands, Now);

                Assert.Equal(commands.Length, results.Length);
                foreach (var (command, result) in commands.Zip(results))
                {
                    AssertDecided(model, command, result);
                }

                for (var user = 0; user < Presses.Users; user++)
                {
                    var id = Presses.UserOf(user, group);
                    Assert.Equal(model.Describe(id), Stored(id));
                    Assert.Equal(model.VersionOf(id), StoredVersion(id));
                }
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    [Fact]
    public void One_batch_can_start_and_stop_many_runs_of_one_user()
    {
        var user = Presses.UserOf(0, NewGroup());
        var runs = Enumerable.Range(0, TimerWriter.CommandsPerCommitMax / 2).Select(_ => Guid.NewGuid()).ToArray();
        var commands = runs.SelectMany((run, i) => new[]
        {
            new TimerCommand(TimerAction.Start, user, run, Presses.Begin.AddMilliseconds(i)),
            new TimerCommand(TimerAction.Stop, user, run, Presses.Begin.AddMilliseconds(i + 10)),
        }).ToArray();

        var results = _store.Commit(commands, Now);

        Assert.All(results, (result, i) => Assert.Equal(i + 1, result.Snapshot!.Version));
        Assert.All(results, result => Assert.Equal(CommandOutcome.Changed, result.Outcome));
        Assert.Equal(commands.Length, StoredVersion(user));
    }

    [Fact]
    public void The_database_refuses_a_second_running_run_of_one_user()
    {
        var group = NewGroup();
        Insert(Presses.IdOf(0, group), Presses.UserOf(0, group), "running", stoppedAt: "NULL");
        Insert(Presses.IdOf(1, group), Presses.UserOf(1, group), "running", stoppedAt: "NULL"); // of somebody else

        var refused = Assert.ThrowsAny<DbException>(
            () => Insert(Presses.IdOf(2, group), Presses.UserOf(0, group), "running", stoppedAt: "NULL"));

        Assert.True(IsRefusal(refused, isUnique: true), refused.Message);
    }

    [Theory]
    [InlineData("running", "5")]   // running and stopped at once
    [InlineData("stopped", "-1")]  // stopped before it started
    [InlineData("paused", "NULL")] // no such status
    public void The_database_refuses_a_run_that_cannot_be(string status, string stoppedAt)
    {
        var group = NewGroup();

        var refused = Assert.ThrowsAny<DbException>(() => Insert(Presses.IdOf(0, group), Presses.UserOf(0, group), status, stoppedAt));

        Assert.True(IsRefusal(refused, isUnique: false), refused.Message);
    }

    [Fact]
    public void A_batch_that_fails_leaves_nothing_behind_and_the_next_one_works()
    {
        var group = NewGroup();
        var user = Presses.UserOf(0, group);
        TimerCommand good = new(TimerAction.Start, user, Presses.IdOf(0, group), Presses.Begin);
        TimerCommand ofNobody = new(TimerAction.Start, "u_nobody", Presses.IdOf(1, group), Presses.Begin);

        Assert.ThrowsAny<DbException>(() => _store.Commit([good, ofNobody], Now));
        Assert.Equal("", Stored(user));
        Assert.Equal(0, StoredVersion(user));

        var result = Assert.Single(_store.Commit([good], Now));
        Assert.Equal(CommandOutcome.Changed, result.Outcome);
        Assert.Equal(1, StoredVersion(user));
    }

    private void AssertDecided(TimerModel model, TimerCommand command, CommandResult result)
    {
        Assert.Equal(model.Press(command), result.Outcome);
        var snapshot = result.Snapshot!;
        var current = model.CurrentOf(command.UserId);
        Assert.Equal(command.UserId, snapshot.UserId);
        Assert.Equal(model.VersionOf(command.UserId), snapshot.Version);
        Assert.Equal(current?.Id, snapshot.Id?.ToString());
        Assert.Equal(current?.StartedAt, snapshot.StartedAt);
        Assert.Equal(current?.StoppedAt, snapshot.StoppedAt);
        Assert.Equal(current is null ? TimerStatus.Stopped : model.StatusOf(current), snapshot.Status);
        Assert.Equal(_identity.Epoch, snapshot.Epoch);
        Assert.Equal(Now, snapshot.ServerTime);
    }

    /// <summary>Users of their own for one case: cheaper than a database of its own.</summary>
    private int NewGroup()
    {
        var group = ++_groups;
        for (var user = 0; user < Presses.Users; user++)
        {
            var id = Presses.UserOf(user, group);
            Execute($"INSERT INTO accounts (id, name, name_folded, password_hash, created_at) VALUES ('{id}', '{id}', '{id}', '', 0)");
        }

        return group;
    }

    private void Insert(Guid id, string userId, string status, string stoppedAt) => Execute(
        $"INSERT INTO timers (id, user_id, status, started_at, stopped_at, updated_at) VALUES ('{id}', '{userId}', '{status}', 0, {stoppedAt}, 0)");

    private string Stored(string userId)
    {
        using var select = Command($"SELECT id, status, started_at, stopped_at FROM timers WHERE user_id = '{userId}' ORDER BY started_at, id");
        using var rows = select.ExecuteReader();
        var runs = new List<string>();
        while (rows.Read())
        {
            runs.Add(RunText.Of(
                rows.GetString(0),
                rows.GetString(1) == "running" ? TimerStatus.Running : TimerStatus.Stopped,
                DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(2)),
                rows.IsDBNull(3) ? null : DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(3))));
        }

        return string.Join('\n', runs);
    }

    private long StoredVersion(string userId)
    {
        using var select = Command($"SELECT version FROM timer_versions WHERE user_id = '{userId}'");
        return (long?)select.ExecuteScalar() ?? 0;
    }

    private void Execute(string sql)
    {
        using var command = Command(sql);
        command.ExecuteNonQuery();
    }

    private DbCommand Command(string sql)
    {
        var command = _reader.CreateCommand();
        command.CommandText = sql; // ids and names of this test's own making
        return command;
    }
}

/// <summary>On a file of its own.</summary>
public sealed class SqliteTimerStoreTests : TimerStoreTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("timersync-test-").FullName;
    private EpochFile _epochFile = null!;

    private protected override async Task<(DatabaseIdentity Identity, ITimerStore Store, DbConnection Reader)> OpenAsync()
    {
        var options = Options.Create(new DatabaseOptions { ConnectionString = $"Data Source={Path.Combine(_folder, "timersync.db")}" });
        _epochFile = new EpochFile(options, NullLogger<EpochFile>.Instance);
        using var engine = new SqliteEngine(_epochFile);
        var start = new DatabaseStart(SqliteSettings.CreateReaders(options.Value.ConnectionString), engine);
        await start.RunAsync(TestContext.Current.CancellationToken);
        var reader = new SqliteConnection($"{options.Value.ConnectionString};Pooling=False");
        await reader.OpenAsync(TestContext.Current.CancellationToken);
        return (start.Identity, new SqliteTimerStore(options, start.Identity, _epochFile), reader);
    }

    private protected override Task CloseAsync()
    {
        _epochFile.Dispose();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    private protected override bool IsRefusal(DbException exception, bool isUnique) => exception is SqliteException refused
        && refused.SqliteExtendedErrorCode == (isUnique ? SQLitePCL.raw.SQLITE_CONSTRAINT_UNIQUE : SQLitePCL.raw.SQLITE_CONSTRAINT_CHECK);
}

/// <summary>In a database of its own.</summary>
public sealed class PostgresTimerStoreTests : TimerStoreTests
{
    private string _database = null!;

    private protected override async Task<(DatabaseIdentity Identity, ITimerStore Store, DbConnection Reader)> OpenAsync()
    {
        _database = await (await PostgresCluster.Shared).CreateDatabaseAsync();
        var options = Options.Create(new DatabaseOptions { Provider = "Postgres", ConnectionString = _database });
        await using var pool = PostgresSettings.CreatePool(_database);
        var start = new DatabaseStart(pool, new PostgresEngine(new PostgresFingerprint()));
        await start.RunAsync(TestContext.Current.CancellationToken);
        var reader = new NpgsqlConnection($"{_database};Pooling=false");
        await reader.OpenAsync(TestContext.Current.CancellationToken);
        return (start.Identity, new PostgresTimerStore(options, start.Identity, TimeProvider.System), reader);
    }

    private protected override async Task CloseAsync() => await (await PostgresCluster.Shared).DropDatabaseAsync(_database);

    private protected override bool IsRefusal(DbException exception, bool isUnique) =>
        exception.SqlState == (isUnique ? PostgresErrorCodes.UniqueViolation : PostgresErrorCodes.CheckViolation);
}
