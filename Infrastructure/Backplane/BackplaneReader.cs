using Npgsql;
using NpgsqlTypes;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Backplane;

/// <summary>What a node reads of the work of others, and does with it.</summary>
internal sealed partial class BackplaneReader(
    NpgsqlDataSource database,
    ConnectionHub hub,
    DatabaseIdentity identity,
    PostgresFingerprint fingerprint,
    TimeProvider clock,
    ILogger<BackplaneReader> logger)
{
    /// <summary>Users, or login sessions, of one query.</summary>
    private const int RowsPerQueryMax = 1000;

    /// <summary>Of one query, in seconds: these are quick, and a connection that died silently must be noticed soon.</summary>
    private const int TimeoutSeconds = 2;

    private static readonly string ReadIdentity = EmbeddedSql.Load("ReadIdentity.postgres.sql");
    private static readonly string ChangeEpoch = EmbeddedSql.Load("ChangeEpoch.postgres.sql");
    private static readonly string SelectNewerTimers = EmbeddedSql.Load("SelectNewerTimers.postgres.sql");
    private static readonly string SelectEndedSessions = EmbeddedSql.Load("SelectEndedSessions.postgres.sql");

    private string? _flushed;

    /// <summary>Publishes the current timer of those users whose version in the database is newer than the given one.</summary>
    /// <exception cref="NpgsqlException">The database did not answer; the next poll tries again.</exception>
    public async Task PublishNewerAsync(IEnumerable<(string UserId, long Version)> known, CancellationToken cancellationToken)
    {
        foreach (var some in known.Chunk(RowsPerQueryMax))
        {
            await using var select = database.CreateCommand(SelectNewerTimers);
            select.CommandTimeout = TimeoutSeconds;
            select.Parameters.AddWithValue("user_ids", Array.ConvertAll(some, one => one.UserId));
            select.Parameters.AddWithValue("versions", Array.ConvertAll(some, one => one.Version));
            await using var rows = await select.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                hub.Publish(TimerSnapshot.Of(
                    rows.GetString(0), PostgresRow.ReadRun(rows, column: 2), rows.GetInt64(1), identity.Epoch, clock.GetUtcNowMilliseconds()));
            }
        }
    }

    /// <summary>Closes the sockets whose login session has ended on another node.</summary>
    /// <exception cref="NpgsqlException">The database did not answer; the next poll tries again.</exception>
    public async Task CloseEndedSessionsAsync(CancellationToken cancellationToken)
    {
        foreach (var some in hub.Sessions().Distinct().Chunk(RowsPerQueryMax))
        {
            await using var select = database.CreateCommand(SelectEndedSessions);
            select.CommandTimeout = TimeoutSeconds;
            select.Parameters.AddWithValue("user_ids", Array.ConvertAll(some, one => one.UserId));
            select.Parameters.AddWithValue("ids", Array.ConvertAll(some, one => one.SessionId));
            await using var rows = await select.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                hub.CloseSession(rows.GetString(0), rows.GetString(1));
            }
        }
    }

    /// <summary>
    /// Gives the node's own listener a sign of life, and looks whether the database is still the same. One that was replaced
    /// gets a new epoch, and everybody reconnects: versions may have gone back (CONTRACT.md, section 2).
    /// </summary>
    /// <exception cref="NpgsqlException">The database did not answer; the next poll tries again.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        batch.Timeout = TimeoutSeconds;
        Add(batch, $"SELECT pg_notify('{BackplaneMessage.Channel}', '{BackplaneMessage.Canary} {BackplaneMessage.Node}')");
        Add(batch, fingerprint.Sql);
        Add(batch, ReadIdentity).AddWithValue("flushed", NpgsqlDbType.Text, (object?)_flushed ?? DBNull.Value);
        string found, epoch, signingKey, remembered, flushed;
        bool hasGoneBack;
        await using (var rows = await batch.ExecuteReaderAsync(cancellationToken))
        {
            await rows.NextResultAsync(cancellationToken);
            await rows.ReadAsync(cancellationToken);
            found = rows.GetString(0);
            await rows.NextResultAsync(cancellationToken);
            await rows.ReadAsync(cancellationToken);
            (epoch, signingKey, remembered) = (rows.GetString(0), rows.GetString(1), rows.GetString(2));
            (flushed, hasGoneBack) = (rows.GetString(3), rows.GetBoolean(4));
        }

        if (found != remembered || hasGoneBack)
        {
            epoch = Meta.NewEpoch();
            await using var change = database.CreateCommand(ChangeEpoch);
            change.Parameters.AddWithValue("epoch", epoch);
            change.Parameters.AddWithValue("database", found);
            await change.ExecuteNonQueryAsync(cancellationToken);
        }

        if (epoch != identity.Epoch)
        {
            LogReplaced(identity.Epoch, epoch);
            identity.Replace(epoch, Convert.FromBase64String(signingKey));
            hub.CloseAll("database replaced");
        }

        _flushed = flushed;
    }

    private static NpgsqlParameterCollection Add(NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command.Parameters;
    }

    [LoggerMessage(LogLevel.Warning, "The database was restored or replaced: epoch {Old} is now {New}, everybody reconnects")]
    private partial void LogReplaced(string old, string @new);
}
