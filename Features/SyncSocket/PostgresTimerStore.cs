using System.Data;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Infrastructure.Backplane;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Stores commands in PostgreSQL, in two round trips however many there are: lock the users and read, decide in memory,
/// write and commit. The locks keep the rule and the order of versions where several nodes write one user. One connection
/// with prepared statements, used by the writer's thread alone; after a failure a new one.
/// </summary>
internal sealed class PostgresTimerStore(IOptions<DatabaseOptions> options, DatabaseIdentity database, TimeProvider clock) : ITimerStore
{
    /// <summary>How long a batch that failed is tried again, but once in any case; then its senders are told.</summary>
    private static readonly TimeSpan RetryTimeMax = TimeSpan.FromSeconds(1);

    /// <summary>The same where it may have been stored: a restart of the database fits in, after which it is known.</summary>
    private static readonly TimeSpan UnknownTimeMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>The server ended a transaction that waited for its client (PostgreSQL, Appendix A).</summary>
    private const string IdleInTransactionTimeout = "57P05";

    private Session? _open;

    /// <summary>
    /// A command is told by its id, so that a batch can be tried again whatever became of the last try: what was stored is then
    /// a repeat. The locks keep the two apart, should the server be at work on the last one yet.
    /// </summary>
    public CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        if (_open is { IsAlive: false })
        {
            Dispose(); // it died while nobody used it
        }

        var begun = clock.GetTimestamp();
        var isUnknown = false;
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                _open ??= new Session(options.Value.ConnectionString);
                return Commit(_open, commands, now);
            }
            catch (Exception exception)
            {
                isUnknown |= _open is { IsCommitting: true } && !IsRolledBack(exception);
                Dispose();
                var isOver = !isFirst && clock.GetElapsedTime(begun) > (isUnknown ? UnknownTimeMax : RetryTimeMax);
                if (isOver || exception is not NpgsqlException)
                {
                    if (isUnknown)
                    {
                        throw new CommitUnknownException(exception);
                    }

                    throw;
                }

                Thread.Sleep(RetryDelay);
            }
        }
    }

    public void Dispose()
    {
        _open?.Dispose();
        _open = null;
    }

    private CommandResult[] Commit(Session session, IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        var batch = new TimerBatch(database.Epoch, now);
        session.Read(commands, batch);
        var results = commands.Select(batch.Apply).ToArray();
        session.WriteAndCommit(batch);
        return results;
    }

    /// <summary>Whether the server itself says so. A connection that it ends may have brought the commit before that.</summary>
    private static bool IsRolledBack(Exception exception) =>
        exception is PostgresException { InvariantSeverity: "ERROR" } or PostgresException { SqlState: IdleInTransactionTimeout };

    /// <summary>An open connection with its prepared statements.</summary>
    private sealed class Session : IDisposable
    {
        /// <summary>
        /// A node that is stopped in the middle of a transaction loses its locks after this time, in milliseconds: others wait
        /// for the same users.
        /// </summary>
        private const int IdleInTransactionMillisecondsMax = 2000;

        /// <summary>Longer than the time above, shorter than the command timeout. Milliseconds.</summary>
        private const int LockWaitMillisecondsMax = 3000;

        /// <summary>
        /// How soon, and how often, the server looks whether a silent node is still there. In the middle of a batch the time above
        /// does not run: the locks of a node that was cut off there would stay for the system's two hours.
        /// </summary>
        private const int KeepAliveSeconds = 1;

        private readonly NpgsqlConnection _connection;
        private readonly NpgsqlBatch _read;
        private readonly NpgsqlBatch _write;

        private readonly NpgsqlParameter<string[]>[] _users;
        private readonly NpgsqlParameter<string[]> _runs = Array<string>("ids");

        private readonly NpgsqlParameter<string[]> _updatedIds = Array<string>("ids");
        private readonly NpgsqlParameter<long?[]> _updatedStoppedAts = Array<long?>("stopped_ats");
        private readonly NpgsqlParameter<long[]> _updatedUpdatedAts = Array<long>("updated_ats");

        private readonly NpgsqlParameter<string[]> _insertedIds = Array<string>("ids");
        private readonly NpgsqlParameter<string[]> _insertedUserIds = Array<string>("user_ids");
        private readonly NpgsqlParameter<string[]> _insertedStatuses = Array<string>("statuses");
        private readonly NpgsqlParameter<long[]> _insertedStartedAts = Array<long>("started_ats");
        private readonly NpgsqlParameter<long?[]> _insertedStoppedAts = Array<long?>("stopped_ats");
        private readonly NpgsqlParameter<long[]> _insertedUpdatedAts = Array<long>("updated_ats");

        private readonly NpgsqlParameter<string[]> _versionUserIds = Array<string>("user_ids");
        private readonly NpgsqlParameter<long[]> _versions = Array<long>("versions");
        private readonly NpgsqlParameter<string[]> _payloads = Array<string>("payloads");

        public Session(string connectionString)
        {
            _connection = PostgresSettings.CreateOwnConnection(connectionString, "writer");
            try
            {
                _connection.Open();
                PostgresSettings.RequireDurableCommits(_connection);
                using var settings = new NpgsqlCommand(
                    $"""
                    SET lock_timeout = {LockWaitMillisecondsMax};
                    SET idle_in_transaction_session_timeout = {IdleInTransactionMillisecondsMax};
                    SET tcp_keepalives_idle = {KeepAliveSeconds};
                    SET tcp_keepalives_interval = {KeepAliveSeconds};
                    """,
                    _connection);
                settings.ExecuteNonQuery();

                _users = [Array<string>("user_ids"), Array<string>("user_ids"), Array<string>("user_ids")];
                _read = Prepare(
                    ("BEGIN", []),
                    (EmbeddedSql.Load("InsertVersions.postgres.sql"), [_users[0]]),
                    (EmbeddedSql.Load("LockVersions.postgres.sql"), [_users[1]]),
                    (EmbeddedSql.Load("SelectCurrentRuns.postgres.sql"), [_users[2]]),
                    (EmbeddedSql.Load("SelectRuns.postgres.sql"), [_runs]));
                _write = Prepare(
                    (EmbeddedSql.Load("UpdateRuns.postgres.sql"), [_updatedIds, _updatedStoppedAts, _updatedUpdatedAts]),
                    (EmbeddedSql.Load("InsertRuns.postgres.sql"),
                        [_insertedIds, _insertedUserIds, _insertedStatuses, _insertedStartedAts, _insertedStoppedAts, _insertedUpdatedAts]),
                    (EmbeddedSql.Load("SaveVersions.postgres.sql"), [_versionUserIds, _versions]),
                    (EmbeddedSql.Load("Notify.postgres.sql"), [new NpgsqlParameter<string>("channel", BackplaneMessage.Channel), _payloads]),
                    ("COMMIT", []));
            }
            catch
            {
                _connection.Dispose();
                throw;
            }
        }

        public bool IsAlive => _connection.State == ConnectionState.Open;

        /// <summary>Whether what commits has been sent: from then on a lost connection does not tell how it ended.</summary>
        public bool IsCommitting { get; private set; }

        /// <summary>Begins the transaction, locks the users, and reads what the rule looks at.</summary>
        public void Read(IReadOnlyList<TimerCommand> commands, TimerBatch batch)
        {
            IsCommitting = false;
            var users = commands.Select(command => command.UserId).Distinct(StringComparer.Ordinal).ToArray();
            foreach (var parameter in _users)
            {
                parameter.TypedValue = users;
            }

            _runs.TypedValue = [.. commands.Select(command => Text(command.RunId)).Distinct(StringComparer.Ordinal)];

            using var rows = _read.ExecuteReader(); // its results are those of the three selects
            while (rows.Read())
            {
                batch.AddVersion(rows.GetString(0), rows.GetInt64(1));
            }

            rows.NextResult();
            while (rows.Read())
            {
                batch.AddCurrent(rows.GetString(0), PostgresRow.ReadRun(rows, column: 1));
            }

            rows.NextResult();
            while (rows.Read())
            {
                batch.AddRun(rows.GetString(0), PostgresRow.ReadRun(rows, column: 1));
            }
        }

        public void WriteAndCommit(TimerBatch batch)
        {
            var updated = batch.Updated;
            _updatedIds.TypedValue = [.. updated.Select(run => Text(run.Id))];
            _updatedStoppedAts.TypedValue = [.. updated.Select(run => Milliseconds(run.StoppedAt))];
            _updatedUpdatedAts.TypedValue = [.. updated.Select(run => run.UpdatedAt.ToUnixTimeMilliseconds())];

            var inserted = batch.Inserted;
            _insertedIds.TypedValue = [.. inserted.Select(one => Text(one.Run.Id))];
            _insertedUserIds.TypedValue = [.. inserted.Select(one => one.UserId)];
            _insertedStatuses.TypedValue = [.. inserted.Select(one => one.Status == TimerStatus.Running ? "running" : "stopped")];
            _insertedStartedAts.TypedValue = [.. inserted.Select(one => one.Run.StartedAt.ToUnixTimeMilliseconds())];
            _insertedStoppedAts.TypedValue = [.. inserted.Select(one => Milliseconds(one.Run.StoppedAt))];
            _insertedUpdatedAts.TypedValue = [.. inserted.Select(one => one.Run.UpdatedAt.ToUnixTimeMilliseconds())];

            _versionUserIds.TypedValue = [.. batch.ChangedVersions.Keys];
            _versions.TypedValue = [.. batch.ChangedVersions.Values];
            _payloads.TypedValue = [.. BackplaneMessage.OfTimers(batch.ChangedVersions)];

            IsCommitting = true;
            _write.ExecuteNonQuery();
        }

        public void Dispose() => _connection.Dispose();

        private static NpgsqlParameter<TItem[]> Array<TItem>(string name) => new(name, []);

        private static string Text(Guid id) => id.ToString("D");

        private static long? Milliseconds(DateTimeOffset? time) => time?.ToUnixTimeMilliseconds();

        private NpgsqlBatch Prepare(params ReadOnlySpan<(string Sql, NpgsqlParameter[] Parameters)> commands)
        {
            var batch = new NpgsqlBatch(_connection);
            foreach (var (sql, parameters) in commands)
            {
                var command = new NpgsqlBatchCommand(sql);
                command.Parameters.AddRange(parameters);
                batch.BatchCommands.Add(command);
            }

            batch.Prepare();
            return batch;
        }
    }
}
