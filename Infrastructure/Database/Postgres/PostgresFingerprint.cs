using System.Data.Common;

namespace TimerSync.Infrastructure.Database.Postgres;

/// <summary>
/// Says of a database whether it is still what it was, without special rights. Kept in <c>meta</c>, and compared at every
/// start and while the node runs. Another cluster has another system identifier, another database another oid, a dump put
/// back another oid of the table, a recovery (to a point in time, or a standby's promotion) another timeline.
/// </summary>
/// <remarks>
/// Not seen at the start: files copied back while no node was running, and no recovery asked for. A node that was running
/// sees that too, because the log's position went back. docs/DEPLOY.md has the command for it.
/// </remarks>
internal sealed class PostgresFingerprint
{
    public const string MetaKey = "database";

    private const string SystemIdentifier = "(SELECT system_identifier FROM pg_control_system())";

    /// <summary>Everybody may call it, unless an administrator has taken that away: then one sign less.</summary>
    private const string MayReadSystemIdentifier = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')";

    private string? _sql;

    /// <summary>The query that reads it: one row, one column. Known from the start on.</summary>
    public string Sql => _sql ?? throw new InvalidOperationException("The database was not started.");

    public async Task<string> ReadAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var isAllowed = (await connection.QueryAsync(MayReadSystemIdentifier, static row => row.GetBoolean(0), cancellationToken))[0];
        _sql = $"""
            SELECT concat_ws('/', {(isAllowed ? SystemIdentifier : "'-'")}, d.oid, 'meta'::regclass::oid,
                left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))
            FROM pg_database d WHERE d.datname = current_database()
            """;
        return (await connection.QueryAsync(_sql, static row => row.GetString(0), cancellationToken))[0];
    }
}
