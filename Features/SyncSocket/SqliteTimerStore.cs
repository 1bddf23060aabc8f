using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Sqlite;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Stores commands in SQLite: one connection and prepared statements, used by the writer's thread alone. A failed commit
/// closes the connection; the next one opens it again, and what the file then holds is made durable before it is believed
/// (<see cref="SqliteSettings.MakeDurable"/>): of a commit whose disk flush failed, a repeat must not hear that it is stored.
/// </summary>
internal sealed class SqliteTimerStore(
    IOptions<DatabaseOptions> options, DatabaseIdentity database, EpochFile epochFile) : ITimerStore
{
    /// <summary>
    /// Past this the write-ahead log is emptied, readers or not. SQLite does that by itself at <see cref="LogPages"/>, but only
    /// in a moment without readers, which under load may not come.
    /// </summary>
    private const long LogBytesMax = 16 * 1024 * 1024;

    /// <summary>
    /// 12 MiB, three times SQLite's default: of pages that many commands change, fewer copies go into the database file. With
    /// <see cref="CacheKibibytes"/> a fifth more commands per second (tests/TimerSync.Benchmarks/RESULTS.md).
    /// </summary>
    private const int LogPages = 3000;

    /// <summary>
    /// In a moment when nobody waits, so many are moved at once, in about 1 ms. Under a load without such a moment the log comes to
    /// <see cref="LogPages"/>, and in a large database, where every change has pages of its own, that takes 15 ms. As many in one
    /// commit are such a load, for which moving the log costs more than it saves: three flushes, and each page is copied.
    /// </summary>
    private const int ChangesInLogMax = 24;

    /// <summary>
    /// How often the log's size is looked at: in between it grows by about 1 MiB. After each look Linux gives the file's next
    /// write a time stamp of its own (multigrain, since 6.13), which its flush then has to store, too; without, one every 4 ms.
    /// </summary>
    private const int ChangesBetweenLooks = 64;

    /// <summary>Eight times SQLite's default: pages that are written again and again are not read again each time.</summary>
    private const int CacheKibibytes = 16_000;

    private readonly string _connectionString = new SqliteConnectionStringBuilder(options.Value.ConnectionString)
    {
        Pooling = false,
        ForeignKeys = true,
        Cache = SqliteCacheMode.Private, // a shared one's table locks are not waited for
        DefaultTimeout = (int)SqliteSettings.BusyTimeout.TotalSeconds, // the provider would try again for 30 s
    }.ToString();

    private readonly FileInfo _log = new(new SqliteConnectionStringBuilder(options.Value.ConnectionString).DataSource + "-wal");

    private Statements? _open;
    private long _logBytesAllowed = LogBytesMax;
    private int _newChanges;
    private int _changesInLog;
    private bool _isBusy;
    private int _changesSinceLook;

    public CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        try
        {
            _open ??= new Statements(_connectionString);
            return Commit(_open, commands, now);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void AfterAnswers(bool isIdle)
    {
        var changes = _newChanges;
        _newChanges = 0;
        epochFile.Add(changes);
        _changesInLog += changes;
        _isBusy |= changes >= ChangesInLogMax;
        if (isIdle && _changesInLog >= ChangesInLogMax)
        {
            if (!_isBusy)
            {
                _open!.TryMoveLog();
            }

            (_changesInLog, _isBusy) = (0, false);
        }

        _changesSinceLook += changes;
        if (_changesSinceLook >= ChangesBetweenLooks)
        {
            _changesSinceLook = 0;
            BoundLog();
        }
    }

    public void Dispose()
    {
        _open?.Dispose();
        _open = null;
    }

    private void BoundLog()
    {
        _log.Refresh();
        if (_log.Exists && _log.Length > _logBytesAllowed)
        {
            // Where somebody reads for long, such as a backup, it is tried again when as much has been added.
            _logBytesAllowed = _open!.TryEmptyLog() ? LogBytesMax : _log.Length + LogBytesMax;
        }
    }

    private CommandResult[] Commit(Statements sql, IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        var results = new CommandResult[commands.Count];
        var changes = 0;

        sql.Begin();
        for (var i = 0; i < commands.Count; i++)
        {
            results[i] = Apply(sql, commands[i], now);
            changes += results[i].Outcome == CommandOutcome.Changed ? 1 : 0;
        }

        sql.Commit();
        _newChanges = changes;
        return results;
    }

    private CommandResult Apply(Statements sql, TimerCommand command, DateTimeOffset now)
    {
        var current = sql.SelectCurrentRun(command.UserId);
        var existing = current?.Id == command.RunId ? new StoredRun(command.UserId, current) : sql.SelectRun(command.RunId);
        var decision = TimerRule.Decide(command, existing, current, now);
        if (decision.Changed is null)
        {
            return new CommandResult(decision.Outcome, Snapshot(command.UserId, decision.Current, sql.SelectVersion(command.UserId), now));
        }

        if (decision.Superseded is { } superseded)
        {
            sql.SaveRun(command.UserId, superseded, TimerStatus.Stopped); // first: at most one may be running
        }

        var isCurrent = decision.Changed.Id == decision.Current!.Id;
        sql.SaveRun(command.UserId, decision.Changed, isCurrent ? TimerRule.StatusOf(decision.Changed) : TimerStatus.Stopped);
        var version = sql.NextVersion(command.UserId);
        Debug.Assert(sql.SelectCurrentRun(command.UserId) == decision.Current, "What is stored is what was decided.");
        return new CommandResult(decision.Outcome, Snapshot(command.UserId, decision.Current, version, now));
    }

    private TimerSnapshot Snapshot(string userId, Run? current, long version, DateTimeOffset now) =>
        TimerSnapshot.Of(userId, current, version, database.Epoch, now);

    /// <summary>An open connection with its prepared statements.</summary>
    private sealed class Statements : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly List<PreparedStatement> _prepared = [];
        private readonly PreparedStatement _begin;
        private readonly PreparedStatement _commit;
        private readonly PreparedStatement _selectRun;
        private readonly PreparedStatement _selectCurrentRun;
        private readonly PreparedStatement _saveRun;
        private readonly PreparedStatement _nextVersion;
        private readonly PreparedStatement _selectVersion;
        private readonly PreparedStatement _moveLog;

        public Statements(string connectionString)
        {
            _connection = new SqliteConnection(connectionString);
            try
            {
                _connection.Open();
                SqliteSettings.Apply(_connection);
                SqliteSettings.MakeDurable(_connection);
                SqliteSettings.Execute(_connection, $"PRAGMA cache_size = -{CacheKibibytes}");
                SqliteSettings.Execute(_connection, $"PRAGMA wal_autocheckpoint = {LogPages}");

                // Immediate: the rule reads before it writes, and no other process may write in between.
                _begin = Prepare("BEGIN IMMEDIATE");
                _commit = Prepare("COMMIT");
                _selectRun = Prepare(EmbeddedSql.Load("SelectRun.sql"));
                _selectCurrentRun = Prepare(EmbeddedSql.Load("SelectCurrentRun.sql"));
                _saveRun = Prepare(EmbeddedSql.Load("SaveRun.sql"));
                _nextVersion = Prepare(EmbeddedSql.Load("NextVersion.sql"));
                _selectVersion = Prepare(EmbeddedSql.Load("SelectVersion.sql"));
                _moveLog = Prepare("PRAGMA wal_checkpoint(PASSIVE)");
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public void Begin() => _begin.Execute();

        public void Commit() => _commit.Execute();

        /// <summary>Into the database, as far as no reader still needs it. When the disk refuses, nothing is lost: the next commit is told.</summary>
        public void TryMoveLog()
        {
            try
            {
                _moveLog.Execute();
            }
            catch (SqliteException)
            {
                // The log stays as it is.
            }
        }

        /// <returns>False when a reader did not end in time, or the disk refused it: nothing is lost by that.</returns>
        public bool TryEmptyLog()
        {
            try
            {
                SqliteSettings.SetBusyTimeout(_connection, SqliteSettings.ShortBusyTimeout);
                try
                {
                    return SqliteSettings.TryEmptyLog(_connection);
                }
                finally
                {
                    SqliteSettings.SetBusyTimeout(_connection, SqliteSettings.BusyTimeout); // commits wait as before, also after a failure
                }
            }
            catch (SqliteException)
            {
                return false;
            }
        }

        public StoredRun? SelectRun(Guid id)
        {
            using var rows = _selectRun.Bind(1, id).Rows();
            return rows.Read() ? new StoredRun(rows.Text(0), ReadRun(id, rows)) : null;
        }

        public Run? SelectCurrentRun(string userId)
        {
            using var rows = _selectCurrentRun.Bind(1, userId).Rows();
            return rows.Read() ? ReadRun(rows.Guid(0), rows) : null;
        }

        public void SaveRun(string userId, Run run, TimerStatus status) => _saveRun
            .Bind(1, run.Id)
            .Bind(2, userId)
            .Bind(3, status == TimerStatus.Running ? "running"u8 : "stopped"u8)
            .Bind(4, run.StartedAt.ToUnixTimeMilliseconds())
            .Bind(5, run.StoppedAt?.ToUnixTimeMilliseconds())
            .Bind(6, run.UpdatedAt.ToUnixTimeMilliseconds())
            .Execute();

        public long NextVersion(string userId)
        {
            _nextVersion.Bind(1, userId).Execute(); // not RETURNING: SQLite makes a table for what that returns, each time
            return SelectVersion(userId);
        }

        public long SelectVersion(string userId)
        {
            using var rows = _selectVersion.Bind(1, userId).Rows();
            return rows.Read() ? rows.Number(0) : 0;
        }

        public void Dispose()
        {
            _prepared.ForEach(statement => statement.Dispose());
            _connection.Dispose();
        }

        private static Run ReadRun(Guid id, PreparedStatement.RowReader row) => new(
            id,
            DateTimeOffset.FromUnixTimeMilliseconds(row.Number(1)),
            row.IsNull(2) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.Number(2)),
            DateTimeOffset.FromUnixTimeMilliseconds(row.Number(3)));

        private PreparedStatement Prepare(string sql)
        {
            var statement = new PreparedStatement(_connection, sql);
            _prepared.Add(statement);
            return statement;
        }
    }
}
