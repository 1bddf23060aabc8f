using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace TimerSync.Tests.Postgres;

/// <summary><c>dotnet TimerSync.dll migrate</c>: a team moves from one file to PostgreSQL.</summary>
public sealed class MigrateTests
{
    private const int Users = 200;
    private const int RunsPerUser = 50;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Everything_is_copied_and_every_client_sees_what_it_saw()
    {
        await using var old = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"));
        var user = await TestUser.SignUpAsync(old);
        await using (var client = await user.ConnectAsync())
        {
            await client.StartAsync(Guid.NewGuid());
            await client.ReceiveVersionAsync(1);
        }

        Fill(old.DatabaseFile, user.Id);
        var before = await user.GetTimerAsync();
        await old.StopAsync();
        var file = await HashAsync(old.DatabaseFile);
        var cluster = await PostgresCluster.Shared;
        var database = await cluster.CreateDatabaseAsync();

        var (exitCode, output) = await MigrateAsync(old, database);
        Assert.True(exitCode == 0, output);
        Assert.Contains($"{Users * RunsPerUser + 1:N0} rows", output, StringComparison.Ordinal);
        Assert.Equal(file, await HashAsync(old.DatabaseFile));

        await using var node = await Nodes.StartAsync(database);
        var after = await user.On(node).GetTimerAsync(); // its token is valid there
        foreach (var field in new[] { "id", "status", "started_at", "stopped_at", "updated_at", "version", "epoch" })
        {
            Assert.Equal(before[field]?.ToString(), after[field]?.ToString());
        }

        var (again, refused) = await MigrateAsync(old, database);
        Assert.Equal(1, again);
        Assert.Contains("not empty", refused, StringComparison.Ordinal);
        Assert.Equal(Users * RunsPerUser + 1, await CountAsync(database));
    }

    [Fact]
    public async Task A_target_that_cannot_be_reached_is_one_line_and_changes_nothing()
    {
        await using var old = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"));
        await old.StopAsync();

        var (exitCode, output) = await MigrateAsync(old, "Host=127.0.0.1;Port=1;Database=x;Username=x");

        Assert.Equal(1, exitCode);
        Assert.StartsWith("migrate: ", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> MigrateAsync(TimerSyncServer from, string to)
    {
        var start = new ProcessStartInfo(
            "dotnet", [TimerSyncServer.ServerAssembly, "migrate", "--to", to, $"--Database:ConnectionString=Data Source={from.DatabaseFile}"])
        { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = from.Folder };
        using var program = Process.Start(start)!;
        var errors = program.StandardError.ReadToEndAsync(Cancellation);
        var output = await program.StandardOutput.ReadToEndAsync(Cancellation);
        await program.WaitForExitAsync(Cancellation);
        return (program.ExitCode, output + await errors);
    }

    /// <summary>Names in several scripts, stopped and running runs, and text that sorts differently by language.</summary>
    private static void Fill(string file, string userId)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=false");
        connection.Open();
        using var insert = connection.CreateCommand();
        insert.CommandText = $"""
            WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {Users} - 1)
            INSERT INTO accounts SELECT 'u_' || n, 'Ünï 漢 ' || n, 'ünï 漢 ' || n, 'x' || n, n FROM n;
            WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {Users * RunsPerUser} - 1)
            INSERT INTO timers SELECT printf('%08x-0000-4000-8000-%012x', n * 2654435761 % 4294967296, n), 'u_' || (n % {Users}),
                CASE WHEN n >= {Users * (RunsPerUser - 1)} AND n % 2 = 0 THEN 'running' ELSE 'stopped' END,
                n * 1000, CASE WHEN n >= {Users * (RunsPerUser - 1)} AND n % 2 = 0 THEN NULL ELSE n * 1000 + 500 END, n FROM n;
            INSERT INTO timer_versions SELECT id, {RunsPerUser} FROM accounts WHERE id <> '{userId}';
            """;
        insert.ExecuteNonQuery();
    }

    private static async Task<string> HashAsync(string file)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexString(await SHA256.HashDataAsync(stream, Cancellation));
    }

    private static async Task<long> CountAsync(string database)
    {
        await using var connection = new NpgsqlConnection($"{database};Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var count = new NpgsqlCommand("SELECT count(*) FROM timers", connection);
        return (long)(await count.ExecuteScalarAsync(Cancellation))!;
    }
}
