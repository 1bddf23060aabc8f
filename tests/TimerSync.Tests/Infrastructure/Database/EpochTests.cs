using System.Net.Http.Json;

namespace TimerSync.Tests.Infrastructure.Database;

/// <summary>
/// <c>epoch</c> names the database, and changes when it is replaced or restored from a backup (CONTRACT.md, section 2): a
/// client that saw versions which are gone takes the state all the same.
/// </summary>
public sealed class EpochTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_restore_of_a_backup_makes_an_epoch_that_no_client_has_seen()
    {
        await using var server = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"));
        var backup = Path.Combine(server.Folder, "backup.db");
        var user = await TestUser.SignUpAsync(server);
        var original = await StartTimerAsync(user);
        await server.StopAsync();
        File.Copy(server.DatabaseFile, backup);

        await server.StartAgainAsync();
        var unchanged = await user.GetTimerAsync();
        var lost = await StartTimerAsync(user);
        await RestoreAsync(server, backup);
        var restored = await user.GetTimerAsync();
        var lostToo = await StartTimerAsync(user);
        await RestoreAsync(server, backup); // again: clients of the first epoch have seen version 2, too
        var restoredAgain = await user.GetTimerAsync();

        Assert.Equal(original.Epoch, (string?)unchanged["epoch"]);
        Assert.Equal((original.Epoch, 2L), lost);
        Assert.Equal(1, (long?)restored["version"]);
        Assert.NotEqual(original.Epoch, (string?)restored["epoch"]);
        Assert.Equal(((string?)restored["epoch"], 2L), lostToo);
        Assert.DoesNotContain((string?)restoredAgain["epoch"], new[] { original.Epoch, (string?)restored["epoch"] });
    }

    [Fact]
    public async Task A_new_database_has_a_new_epoch()
    {
        await using var server = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"));
        var before = await (await TestUser.SignUpAsync(server)).GetTimerAsync();
        await server.StopAsync();
        File.Delete(server.DatabaseFile);

        await server.StartAgainAsync();
        var after = await (await TestUser.SignUpAsync(server)).GetTimerAsync();

        Assert.NotEqual((string?)before["epoch"], (string?)after["epoch"]);
    }

    private static async Task RestoreAsync(TimerSyncServer server, string backup)
    {
        await server.StopAsync();
        File.Copy(backup, server.DatabaseFile, overwrite: true);
        File.Delete(server.DatabaseFile + "-wal");
        File.Delete(server.DatabaseFile + "-shm");
        await server.StartAgainAsync();
    }

    private static async Task<(string? Epoch, long? Version)> StartTimerAsync(TestUser user)
    {
        using var client = user.CreateClient();
        using var answer = await client.PostAsJsonAsync("/timers", new { action = "timer_start", id = Guid.NewGuid() }, Cancellation);
        var timer = await answer.JsonAsync();
        return ((string?)timer["epoch"], (long?)timer["version"]);
    }
}
