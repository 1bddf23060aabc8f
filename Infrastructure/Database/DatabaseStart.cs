using System.Data.Common;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Migrations;

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
internal sealed class DatabaseStart(DbDataSource database, IDatabaseEngine engine)
{
    /// <summary>How long one step of an upgrade may take.</summary>
    private static readonly TimeSpan UpgradeTimeout = TimeSpan.FromMinutes(30);

    /// <summary>Of a key that the server makes itself; HS256 wants 32 at least (RFC 7518, section 3.2).</summary>
    private const int SigningKeyBytes = 64;

    private DatabaseIdentity? _identity;

    public DatabaseIdentity Identity => _identity ?? throw new InvalidOperationException("The database was not started.");

    /// <exception cref="DbException">The database cannot be opened or written; the start ends with one line.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = database.CreateConnection();
        await engine.OpenAsync(connection, cancellationToken);
        await MigrateAsync(engine, connection, cancellationToken);

        var key = await Meta.ReadOrMakeAsync(
            connection, Meta.SigningKey, Convert.ToBase64String(RandomNumberGenerator.GetBytes(SigningKeyBytes)), cancellationToken);
        var epoch = await Meta.ReadOrMakeAsync(connection, Meta.Epoch, Meta.NewEpoch(), cancellationToken);
        if (!await engine.KnowsAsync(connection, epoch, cancellationToken))
        {
            epoch = Meta.NewEpoch();
            await Meta.WriteAsync(connection, Meta.Epoch, epoch, cancellationToken);
        }

        await engine.RememberAsync(connection, epoch, cancellationToken);
        _identity = new DatabaseIdentity(epoch, Convert.FromBase64String(key));
    }

    /// <summary>Makes the schema, or upgrades it.</summary>
    /// <param name="engine">That of the database.</param>
    /// <param name="connection">Opened by that engine.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    /// <exception cref="DbException">The database refused it; a step is done as a whole or not at all.</exception>
    public static async Task MigrateAsync(IDatabaseEngine engine, DbConnection connection, CancellationToken cancellationToken)
    {
        if (await IsMigratedAsync(connection, cancellationToken))
        {
            return;
        }

        var options = new DbContextOptionsBuilder<TimerSyncDb>();
        engine.Use(options, connection);
        await using var db = new TimerSyncDb(options.Options);
        db.Database.SetCommandTimeout(UpgradeTimeout);
        await db.Database.MigrateAsync(cancellationToken);
    }

    /// <summary>EF Core would find that out itself, but is half of the start until it can.</summary>
    private static async Task<bool> IsMigratedAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var applied = await connection.QueryAsync(
                "SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\"", static row => row.GetString(0), cancellationToken);
            return typeof(DatabaseStart).Assembly.GetTypes()
                .Where(type => type.IsSubclassOf(typeof(Migration)))
                .All(type => applied.Contains(type.GetCustomAttribute<MigrationAttribute>()!.Id));
        }
        catch (DbException)
        {
            return false; // a new database has no such table; whatever else it is, EF Core meets it too, and says so
        }
    }
}

/// <summary>Single values of the whole database.</summary>
internal static class Meta
{
    public const string Epoch = "epoch";
    public const string SigningKey = "signing_key";

    public static string NewEpoch() => Guid.NewGuid().ToString("N");

    public static async Task<string> ReadOrMakeAsync(DbConnection connection, string key, string made, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(
            "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT (key) DO NOTHING", cancellationToken, ("key", key), ("value", made));
        var rows = await connection.QueryAsync(
            "SELECT value FROM meta WHERE key = @key", static row => row.GetString(0), cancellationToken, ("key", key));
        return rows[0];
    }

    public static Task WriteAsync(DbConnection connection, string key, string value, CancellationToken cancellationToken) =>
        connection.ExecuteAsync("UPDATE meta SET value = @value WHERE key = @key", cancellationToken, ("key", key), ("value", value));
}
