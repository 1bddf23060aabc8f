namespace TimerSync.Tests.Postgres;

/// <summary>What a node makes of its database when it starts.</summary>
public sealed class StartTests
{
    [Theory]
    [InlineData("Host=127.0.0.1", "Database:ConnectionString")] // no database
    [InlineData("Data Source=timersync.db", "Database:ConnectionString")] // one of SQLite
    [InlineData("Host=127.0.0.1;Port=no;Database=x", "Database:ConnectionString")]
    [InlineData("Host=127.0.0.1;Port=1;Database=x;Username=x", "Database:ConnectionString")] // nobody there
    public async Task A_connection_string_that_makes_no_sense_ends_the_start_with_one_line(string connectionString, string key)
    {
        var (exitCode, output) = await TimerSyncServer.RunToEndAsync(TestEngine.Postgres(connectionString));

        Assert.NotEqual(0, exitCode);
        Assert.StartsWith(key, Assert.Single(output.Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_does_not_wait_for_its_disk_is_refused()
    {
        var cluster = await PostgresCluster.Shared;
        var database = await cluster.CreateDatabaseAsync();
        await cluster.ExecuteAsync($"ALTER DATABASE {new Npgsql.NpgsqlConnectionStringBuilder(database).Database} SET synchronous_commit = off");

        var (exitCode, output) = await TimerSyncServer.RunToEndAsync(TestEngine.Postgres(database));

        Assert.NotEqual(0, exitCode);
        Assert.Contains("synchronous_commit", Assert.Single(output.Split('\n')), StringComparison.Ordinal);
        await cluster.DropDatabaseAsync(database);
    }

    [Fact]
    public async Task A_restart_keeps_the_epoch_and_a_dump_put_back_elsewhere_gets_another()
    {
        var cluster = await PostgresCluster.Shared;
        var database = await cluster.CreateDatabaseAsync();
        string? original, restarted, copied;
        TestUser user;
        await using (var node = await Nodes.StartAsync(database))
        {
            user = await TestUser.SignUpAsync(node);
            original = await EpochAsync(user);
            await node.StopAsync();
            await node.StartAgainAsync();
            restarted = await EpochAsync(user);
        }

        var copy = await cluster.DumpAndRestoreAsync(database);
        await using (var node = await Nodes.StartAsync(copy))
        {
            copied = await EpochAsync(user.On(node)); // the token is valid there too: its key is part of the dump
        }

        Assert.Equal(original, restarted);
        Assert.NotEqual(original, copied);
        await cluster.DropDatabaseAsync(database);
        await cluster.DropDatabaseAsync(copy);
    }

    private static async Task<string?> EpochAsync(TestUser user) => (string?)(await user.GetTimerAsync())["epoch"];
}
