using System.Data.Common;
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

    public async Task OpenAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        CreateFile(new SqliteConnectionStringBuilder(connection.ConnectionString).DataSource);
        await connection.OpenAsync(cancellationToken);
        SqliteSettings.Apply(connection);
        SqliteSettings.UseWriteAheadLog(connection);

        // EF Core's migration lock is a row. One that a crash in the middle of a start has left would be waited for without end.
        await connection.ExecuteAsync("DROP TABLE IF EXISTS \"__EFMigrationsLock\"", cancellationToken);
        SqliteSettings.MakeDurable(connection);
    }

    public void Use(DbContextOptionsBuilder db, DbConnection connection) => db.UseSqlite(connection);

    public async Task<bool> KnowsAsync(DbConnection connection, string epoch, CancellationToken cancellationToken)
    {
        _changes = (await connection.QueryAsync(EmbeddedSql.Load("SumVersions.sql"), static row => row.GetInt64(0), cancellationToken))[0];
        return epochFile.Knows(epoch, _changes);
    }

    public Task RememberAsync(DbConnection connection, string epoch, CancellationToken cancellationToken)
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
