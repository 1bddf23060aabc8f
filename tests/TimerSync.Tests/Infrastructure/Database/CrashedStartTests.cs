using Microsoft.Data.Sqlite;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary>A server that is killed while it starts.</summary>
public sealed class CrashedStartTests
{
    /// <summary>The lock of EF Core's migrations is a row in SQLite, and stayed: no later start ever came to its end.</summary>
    [Fact]
    public async Task What_a_crash_in_the_middle_of_a_start_has_locked_does_not_stop_the_next_start()
    {
        Assert.SkipWhen(TestEngine.IsPostgres, "There the lock ends with its connection.");
        await using var server = await TimerSyncServer.StartAsync();
        await server.KillAsync();
        await using (var database = new SqliteConnection($"Data Source={server.DatabaseFile};Pooling=False"))
        {
            await database.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = database.CreateCommand();
            command.CommandText = "INSERT INTO \"__EFMigrationsLock\" (\"Id\", \"Timestamp\") VALUES (1, '2026-01-01 00:00:00+00:00')";
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await server.StartAgainAsync();
    }
}
