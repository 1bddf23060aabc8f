using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Tests.Postgres;

/// <summary><c>dotnet TimerSync.dll migrate</c>: a team moves from one file to PostgreSQL.</summary>
public sealed class MigrateTests
{
    private const int Users = 200;
    private const int RunsPerUser = 50;

    private static readonly string[] Tables = ["meta", "accounts", "login_sessions", "timers", "timer_versions"];

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

        Fill(old.DatabaseFile, user.Id, Users);
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

    /// <summary>Not a test of every day; it says how long it takes. The rows are compared by this test's own eyes.</summary>
    [Fact(Explicit = true)]
    public async Task A_million_runs_are_the_same_on_both_sides()
    {
        const int ManyUsers = 1_000_000 / RunsPerUser;
        const int Samples = 1_000;
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(64));
        await using var old = await TimerSyncServer.StartAsync(("Database:Provider", "Sqlite"), ("Jwt:SigningKey", key));
        Fill(old.DatabaseFile, "u_nobody", ManyUsers);
        var tokens = new AccessTokens(Options.Create(new JwtOptions { SigningKey = key }), null!);
        var sampled = Enumerable.Range(0, Samples).Select(i => i * (ManyUsers / Samples))
            .Select(n => new TestUser(old, "", "", $"u_{n}", tokens.Create($"u_{n}", $"n{n}", $"s_{n}", DateTimeOffset.UtcNow))).ToList();
        var before = new List<string>();
        foreach (var user in sampled)
        {
            before.Add(await ReadTimerAsync(user));
        }

        await old.StopAsync();
        await using var cluster = await PostgresCluster.StartAsync();
        var database = await cluster.CreateDatabaseAsync();

        var (exitCode, output) = await MigrateAsync(old, database);

        TestContext.Current.TestOutputHelper!.WriteLine(output);
        Assert.True(exitCode == 0, output);
        await using var source = new SqliteConnection($"Data Source={old.DatabaseFile};Mode=ReadOnly;Pooling=false");
        await using var target = new NpgsqlConnection($"{database};Pooling=false");
        await source.OpenAsync(Cancellation);
        await target.OpenAsync(Cancellation);
        foreach (var table in Tables)
        {
            var (rows, sum) = await SumAsync(source, table);
            Assert.Equal((rows, sum), await SumAsync(target, table));
            TestContext.Current.TestOutputHelper!.WriteLine($"{table}: {rows} rows on both sides, SHA-256 of them {sum}");
        }

        await using var node = await TimerSyncServer.StartAsync([.. TestEngine.Postgres(database), ("Jwt:SigningKey", key)]);
        for (var i = 0; i < Samples; i++)
        {
            Assert.Equal(before[i], await ReadTimerAsync(sampled[i].On(node)));
        }
    }

    /// <summary><c>GET /timers</c> without the time of the answer.</summary>
    private static async Task<string> ReadTimerAsync(TestUser user)
    {
        var timer = await user.GetTimerAsync();
        timer.AsObject().Remove("server_time");
        return timer.ToJsonString();
    }

    private static async Task<(long Rows, string Sum)> SumAsync(System.Data.Common.DbConnection database, string table)
    {
        await using var select = database.CreateCommand();
#pragma warning disable CA2100 // one of the tables above
        select.CommandText = $"SELECT * FROM {table} ORDER BY 1";
#pragma warning restore CA2100
        await using var row = await select.ExecuteReaderAsync(Cancellation);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var values = new object[row.FieldCount];
        var rows = 0L;
        for (; await row.ReadAsync(Cancellation); rows++)
        {
            row.GetValues(values);
            hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\n', values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture))) + "\n\n"));
        }

        return (rows, Convert.ToHexStringLower(hash.GetHashAndReset()));
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
    private static void Fill(string file, string userId, int users)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=false");
        connection.Open();
        using var insert = connection.CreateCommand();
        insert.CommandText = $"""
            WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {users} - 1)
            INSERT INTO accounts SELECT 'u_' || n, 'Ünï 漢 ' || n, 'ünï 漢 ' || n, 'x' || n, n FROM n;
            WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {users * RunsPerUser} - 1)
            INSERT INTO timers SELECT printf('%08x-0000-4000-8000-%012x', n * 2654435761 % 4294967296, n), 'u_' || (n % {users}),
                CASE WHEN n >= {users * (RunsPerUser - 1)} AND n % 2 = 0 THEN 'running' ELSE 'stopped' END,
                n * 1000, CASE WHEN n >= {users * (RunsPerUser - 1)} AND n % 2 = 0 THEN NULL ELSE n * 1000 + 500 END, n FROM n;
            INSERT INTO login_sessions SELECT replace(id, 'u_', 's_'), id, 0, 9000000000000 FROM accounts WHERE id <> '{userId}';
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
