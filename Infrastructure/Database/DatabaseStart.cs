using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;

namespace TimerSync.Infrastructure.Database;

/// <summary>What is read from the database at the start, and again when it was replaced under a running node.</summary>
/// <param name="epoch">Names the database (CONTRACT.md, section 2).</param>
/// <param name="signingKey">Made at the first start and kept, so that tokens outlive a restart.</param>
internal sealed class DatabaseIdentity(string epoch, byte[] signingKey)
{
    private volatile Values _values = new(epoch, signingKey);

    public string Epoch => _values.Epoch;

    /// <summary>The same array while the key is the same.</summary>
    public byte[] SigningKey => _values.SigningKey;

    public void Replace(string epoch, byte[] signingKey) => _values = new Values(epoch, signingKey);

    private sealed record Values(string Epoch, byte[] SigningKey);
}

/// <summary>Creates or upgrades the database before the server listens.</summary>
internal sealed class DatabaseStart(IDbContextFactory<TimerSyncDb> databases, IDatabaseEngine engine)
{
    /// <summary>Of a key that the server makes itself; HS256 wants 32 at least (RFC 7518, section 3.2).</summary>
    private const int SigningKeyBytes = 64;

    private DatabaseIdentity? _identity;

    public DatabaseIdentity Identity => _identity ?? throw new InvalidOperationException("The database was not started.");

    /// <exception cref="System.Data.Common.DbException">The database cannot be opened or written; the start ends with one line.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        await engine.OpenAsync(db, cancellationToken);
        await db.Database.MigrateAsync(cancellationToken);

        var key = await Meta.ReadOrMakeAsync(
            db, Meta.SigningKey, Convert.ToBase64String(RandomNumberGenerator.GetBytes(SigningKeyBytes)), cancellationToken);
        var epoch = await Meta.ReadOrMakeAsync(db, Meta.Epoch, Meta.NewEpoch(), cancellationToken);
        if (!await engine.KnowsAsync(db, epoch, cancellationToken))
        {
            epoch = Meta.NewEpoch();
            await Meta.WriteAsync(db, Meta.Epoch, epoch, cancellationToken);
        }

        await engine.RememberAsync(db, epoch, cancellationToken);
        _identity = new DatabaseIdentity(epoch, Convert.FromBase64String(key));
    }
}

/// <summary>Single values of the whole database.</summary>
internal static class Meta
{
    public const string Epoch = "epoch";
    public const string SigningKey = "signing_key";

    public static string NewEpoch() => Guid.NewGuid().ToString("N");

    public static async Task<string> ReadOrMakeAsync(TimerSyncDb db, string key, string made, CancellationToken cancellationToken)
    {
        await db.ExecuteAsync(
            "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT (key) DO NOTHING", cancellationToken, ("key", key), ("value", made));
        var rows = await db.QueryAsync<string>(
            "SELECT value AS \"Value\" FROM meta WHERE key = @key", cancellationToken, ("key", key));
        return rows[0];
    }

    public static Task WriteAsync(TimerSyncDb db, string key, string value, CancellationToken cancellationToken) =>
        db.ExecuteAsync("UPDATE meta SET value = @value WHERE key = @key", cancellationToken, ("key", key), ("value", value));
}
