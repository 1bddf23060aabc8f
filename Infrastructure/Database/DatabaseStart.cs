using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace TimerSync.Infrastructure.Database;

/// <summary>What is read from the database once, at the start.</summary>
/// <param name="Epoch">Names the database (CONTRACT.md, section 2).</param>
/// <param name="SigningKey">Made at the first start and kept, so that tokens outlive a restart.</param>
internal sealed record DatabaseIdentity(string Epoch, byte[] SigningKey);

/// <summary>Creates or upgrades the database before the server listens.</summary>
internal sealed class DatabaseStart(IDbContextFactory<TimerSyncDb> databases, EpochFile epochFile) : IDisposable
{
    /// <summary>Of a key that the server makes itself; HS256 wants 32 at least (RFC 7518, section 3.2).</summary>
    private const int SigningKeyBytes = 64;

    /// <summary>A file came to the size that <c>ulimit -f</c> allows. Linux and macOS.</summary>
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // By default the signal ends the process; a full disk must be an error of the write, like any other.
    private readonly PosixSignalRegistration? _survivesFullFile = OperatingSystem.IsWindows()
        ? null
        : PosixSignalRegistration.Create(FileTooLarge, static signal => signal.Cancel = true);

    private DatabaseIdentity? _identity;

    public DatabaseIdentity Identity => _identity ?? throw new InvalidOperationException("The database was not started.");

    /// <exception cref="SqliteException">The file cannot be opened or written; the start ends with one line.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        CreateFile(new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource);
        await db.Database.OpenConnectionAsync(cancellationToken);
        SqliteSettings.UseWriteAheadLog(db.Database.GetDbConnection());
        SqliteSettings.MakeDurable(db.Database.GetDbConnection());
        await db.Database.MigrateAsync(cancellationToken);

        var key = await ReadOrMakeAsync(db, "signing_key", Convert.ToBase64String(RandomNumberGenerator.GetBytes(SigningKeyBytes)), cancellationToken);
        var epoch = await ReadOrMakeAsync(db, "epoch", Guid.NewGuid().ToString("N"), cancellationToken);
        var changes = long.Parse(
            await ReadOrMakeAsync(db, "changes", "0", cancellationToken), System.Globalization.CultureInfo.InvariantCulture);
        if (!epochFile.Knows(epoch, changes))
        {
            epoch = Guid.NewGuid().ToString("N");
            await db.ExecuteAsync("UPDATE meta SET value = @value WHERE key = 'epoch'", cancellationToken, ("value", epoch));
        }

        epochFile.Open(epoch, changes);
        _identity = new DatabaseIdentity(epoch, Convert.FromBase64String(key));
    }

    public void Dispose() => _survivesFullFile?.Dispose();

    /// <summary>The file holds the signing key and password hashes: nobody else on the machine may read it.</summary>
    private static void CreateFile(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        new FileStream(path, options).Dispose();
    }

    private static async Task<string> ReadOrMakeAsync(TimerSyncDb db, string key, string made, CancellationToken cancellationToken)
    {
        await db.ExecuteAsync(
            "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT (key) DO NOTHING", cancellationToken, ("key", key), ("value", made));
        var rows = await db.QueryAsync<string>(
            "SELECT value AS \"Value\" FROM meta WHERE key = @key", cancellationToken, ("key", key));
        return rows[0];
    }
}
