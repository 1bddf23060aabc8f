using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace TimerSync.Infrastructure.Database;

/// <summary>
/// The database through EF Core: connections, migrations, and the SQL of the slices. Not on the write path of timers, which
/// has a connection and prepared statements of its own, and not where each connection reads (<see cref="DirectQuery"/>).
/// </summary>
internal sealed class TimerSyncDb(DbContextOptions<TimerSyncDb> options) : DbContext(options)
{
    /// <summary>Rows of a query whose columns are named as the properties of <typeparamref name="TRow"/>.</summary>
    public Task<List<TRow>> QueryAsync<TRow>(
        string sql, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        Database.SqlQueryRaw<TRow>(sql, [.. parameters.Select(Parameter)]).ToListAsync(cancellationToken);

    /// <returns>How many rows it changed.</returns>
    public Task<int> ExecuteAsync(
        string sql, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        Database.ExecuteSqlRawAsync(sql, parameters.Select(Parameter), cancellationToken);

    private DbParameter Parameter((string Name, object Value) named)
    {
        using var command = Database.GetDbConnection().CreateCommand();
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ($"@{named.Name}", named.Value);
        return parameter;
    }
}

/// <summary>Settings that SQLite keeps per connection, set and read back, for every connection that writes.</summary>
internal sealed class SqliteSettings : DbConnectionInterceptor
{
    /// <summary>How long a connection waits for another one's write to end.</summary>
    public static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The same where everybody waits for it.</summary>
    public static readonly TimeSpan ShortBusyTimeout = TimeSpan.FromMilliseconds(100);

    private const string SynchronousFull = "2";
    private const int SqliteBusy = 5;

    // Pooled connections are opened again and again; the settings stay with SQLite's own handle.
    private readonly ConditionalWeakTable<object, object> _applied = [];

    /// <exception cref="SqliteException">SQLite did not take a setting.</exception>
    public static void Apply(DbConnection connection)
    {
        SetBusyTimeout(connection, BusyTimeout);
        Execute(connection, "PRAGMA synchronous = FULL");
        Require(connection, "PRAGMA synchronous", SynchronousFull);
    }

    /// <summary>Connections that only read (<see cref="DirectQuery"/>), and wait no longer than the others.</summary>
    public static DbDataSource CreateReaders(string connectionString) => SqliteFactory.Instance.CreateDataSource(
        new SqliteConnectionStringBuilder(connectionString) { DefaultTimeout = (int)BusyTimeout.TotalSeconds }.ToString());

    /// <summary>The write-ahead log is a setting of the file: made once, at the start.</summary>
    public static void UseWriteAheadLog(DbConnection connection) => Require(connection, "PRAGMA journal_mode = WAL", "wal");

    /// <returns>The first value of what SQLite answers.</returns>
    public static string? Execute(DbConnection connection, string pragma)
    {
        using var command = connection.CreateCommand();
        command.CommandText = pragma;
        return command.ExecuteScalar()?.ToString();
    }

    public static void SetBusyTimeout(DbConnection connection, TimeSpan timeout) =>
        Execute(connection, $"PRAGMA busy_timeout = {timeout.TotalMilliseconds:F0}");

    /// <summary>
    /// Moves the write-ahead log into the database file, with a flush of both, and empties it. After a crash, or a commit
    /// whose flush failed, the log may show what the disk does not have, and a later flush of the same file would not tell:
    /// what is visible must be written anew before anybody hears of it.
    /// </summary>
    /// <exception cref="SqliteException">It could not: nothing that the database says is certain to last.</exception>
    public static void MakeDurable(DbConnection connection)
    {
        if (!TryEmptyLog(connection))
        {
            throw new SqliteException("The write-ahead log is in use and cannot be made durable.", SqliteBusy);
        }
    }

    /// <returns>False when a reader or writer did not end within the busy timeout.</returns>
    /// <exception cref="SqliteException">The disk refused it.</exception>
    public static bool TryEmptyLog(DbConnection connection) => Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)") == "0";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        if (connection is SqliteConnection { Handle: { } handle } && !_applied.TryGetValue(handle, out _))
        {
            Apply(connection);
            _applied.AddOrUpdate(handle, _applied);
        }
    }

    public override Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData); // Microsoft.Data.Sqlite has no asynchronous calls
        return Task.CompletedTask;
    }

    private static void Require(DbConnection connection, string pragma, string wanted)
    {
        var got = Execute(connection, pragma);
        if (got != wanted)
        {
            throw new SqliteException($"{pragma} is {got}, not {wanted}: what is committed would not be durable.", 1);
        }
    }
}
