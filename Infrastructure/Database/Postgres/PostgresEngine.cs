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

    /// <summary>How long one step of an upgrade may take.</summary>
    private static readonly TimeSpan UpgradeTimeout = TimeSpan.FromMinutes(30);

    public async Task OpenAsync(TimerSyncDb db, CancellationToken cancellationToken)
    {
        await ConnectAsync(db, cancellationToken);
        PostgresSettings.RequireDurableCommits((NpgsqlConnection)db.Database.GetDbConnection());
        db.Database.SetCommandTimeout(UpgradeTimeout);
        await db.ExecuteAsync($"SET lock_timeout = {StartLockTimeout.TotalMilliseconds:F0}", cancellationToken);
        await db.ExecuteAsync("SELECT pg_advisory_lock(@lock)", cancellationToken, ("lock", StartLock));
    }

    public async Task<bool> KnowsAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken)
    {
        var now = await fingerprint.ReadAsync(db, cancellationToken);
        return await Meta.ReadOrMakeAsync(db, PostgresFingerprint.MetaKey, now, cancellationToken) == now;
    }

    public async Task RememberAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken)
    {
        await Meta.WriteAsync(db, PostgresFingerprint.MetaKey, await fingerprint.ReadAsync(db, cancellationToken), cancellationToken);
        await db.ExecuteAsync("SELECT pg_advisory_unlock(@lock)", cancellationToken, ("lock", StartLock));
    }
    /// <summary>A cold process on a busy machine may need longer than a connection is given later. Refusals are final.</summary>
    private static async Task ConnectAsync(TimerSyncDb db, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await db.Database.OpenConnectionAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException exception) when (exception.InnerException is TimeoutException && attempt < ConnectAttemptsMax)
            {
                // Once more.
            }
        }
    }
}
