using Microsoft.Data.Sqlite;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary>A server that is killed while it starts.</summary>
public sealed class CrashedStartTests
{
    /// <summary>The lock of EF Core's migrations is a row in SQLite, and stayed without a schema: no later start ever came to its end.</summary>
    [Fact]
    public async Task What_a_crash_in_the_middle_of_a_start_has_locked_does_not_stop_the_next_start()
    {
        Assert.SkipWhen(TestEngine.IsPostgres, "There the lock ends with its connection.");
        await using var server = await TimerSyncServer.StartAsync();
        await server.KillAsync();
        var makeLock = await AskAsync(server, "SELECT sql FROM sqlite_master WHERE name = '__EFMigrationsLock'");
        foreach (var suffix in (string[])["", "-wal", "-shm"])
        {
            File.Delete(server.DatabaseFile + suffix);
        }

        await AskAsync(server, $"{makeLock}; INSERT INTO \"__EFMigrationsLock\" VALUES (1, '2026-01-01 00:00:00+00:00')");

        await server.StartAgainAsync();
    }

    private static async Task<object?> AskAsync(TimerSyncServer server, string sql)
    {
        await using var database = new SqliteConnection($"Data Source={server.DatabaseFile};Pooling=False");
        await database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = database.CreateCommand();
        command.CommandText = sql; // of this test's own making
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }
}
