using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace TimerSync.Infrastructure.Database.Sqlite;

/// <summary>SQLite: a file of this process alone. A restored backup is known by the count of its changes (<see cref="EpochFile"/>).</summary>
internal sealed class SqliteEngine(EpochFile epochFile) : IDatabaseEngine, IDisposable
{
    /// <summary>A file came to the size that <c>ulimit -f</c> allows. Linux and macOS.</summary>
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // By default the signal ends the process; a full disk must be an error of the write, like any other.
    private readonly PosixSignalRegistration? _survivesFullFile = OperatingSystem.IsWindows()
        ? null
        : PosixSignalRegistration.Create(FileTooLarge, static signal => signal.Cancel = true);

    private long _changes;

    public async Task OpenAsync(TimerSyncDb db, CancellationToken cancellationToken)
    {
        CreateFile(new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource);
        await db.Database.OpenConnectionAsync(cancellationToken);
        SqliteSettings.UseWriteAheadLog(db.Database.GetDbConnection());

        // EF Core's migration lock is a row. One that a crash in the middle of a start has left would be waited for without end.
        await db.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS \"__EFMigrationsLock\"", cancellationToken);
        SqliteSettings.MakeDurable(db.Database.GetDbConnection());
    }

    public async Task<bool> KnowsAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken)
    {
        _changes = (await db.QueryAsync<long>(EmbeddedSql.Load("SumVersions.sql"), cancellationToken))[0];
        return epochFile.Knows(epoch, _changes);
    }

    public Task RememberAsync(TimerSyncDb db, string epoch, CancellationToken cancellationToken)
    {
        epochFile.Open(epoch, _changes);
        return Task.CompletedTask;
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
}
