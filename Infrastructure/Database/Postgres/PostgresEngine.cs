using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace TimerSync.Infrastructure.Database.Postgres;

/// <summary>
/// PostgreSQL: shared by several nodes. One at a time makes or upgrades the schema, under a lock that ends with the
/// connection. Which database it is, <see cref="PostgresFingerprint"/> says.
/// </summary>
internal sealed class PostgresEngine(PostgresFingerprint fingerprint) : IDatabaseEngine
{
    /// <summary>The advisory lock of starting; any number that no other program uses in this database.</summary>
    private const long StartLock = 0x54696D657253796E; // "TimerSyn"

    /// <summary>How long a node waits for another one that starts.</summary>
    private static readonly TimeSpan StartLockTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Of the first connection, each as long as the connection string's timeout.</summary>
    private const int ConnectAttemptsMax = 5;

    public async Task OpenAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await ConnectAsync(connection, cancellationToken);
        PostgresSettings.RequireDurableCommits((NpgsqlConnection)connection);
        await connection.ExecuteAsync($"SET lock_timeout = {StartLockTimeout.TotalMilliseconds:F0}", cancellationToken);
        await using var take = new NpgsqlCommand("SELECT pg_advisory_lock(@lock)", (NpgsqlConnection)connection);
        take.Parameters.AddWithValue("lock", StartLock);
        take.CommandTimeout = 2 * (int)StartLockTimeout.TotalSeconds; // the server's own bound comes first, and says what was waited for
        await take.ExecuteNonQueryAsync(cancellationToken);
    }

    public void Use(DbContextOptionsBuilder db, DbConnection connection) => db.UseConnection(connection);

    public async Task<bool> KnowsAsync(DbConnection connection, string epoch, CancellationToken cancellationToken)
    {
        var now = await fingerprint.ReadAsync(connection, cancellationToken);
        return await Meta.ReadOrMakeAsync(connection, PostgresFingerprint.MetaKey, now, cancellationToken) == now;
    }

    public async Task RememberAsync(DbConnection connection, string epoch, CancellationToken cancellationToken)
    {
        await Meta.WriteAsync(connection, PostgresFingerprint.MetaKey, await fingerprint.ReadAsync(connection, cancellationToken), cancellationToken);
        await connection.ExecuteAsync("SELECT pg_advisory_unlock(@lock)", cancellationToken, ("lock", StartLock));
    }

    /// <summary>A cold process on a busy machine may need longer than a connection is given later. Refusals are final.</summary>
    private static async Task ConnectAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await connection.OpenAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException exception) when (exception.InnerException is TimeoutException && attempt < ConnectAttemptsMax)
            {
                // Once more.
            }
        }
    }
}
