using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace TimerSync.Benchmarks.Data;

/// <summary>
/// <c>seed</c>: fills a database as years of use would. In the order of the primary keys and with the other indexes made
/// afterwards: minutes become seconds.
/// </summary>
internal static class Seed
{
    private static readonly string[] LaterIndexes = ["login_sessions_of_user", "timers_in_order", "timers_at_most_one_running"];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (users, runs) = (arguments.Number("users", 1_000_000), arguments.Number("runs", 5_000_000));
        var file = arguments.Text("database", "timersync.db");
        arguments.RequireNoOthers();
        var since = Stopwatch.GetTimestamp();
        using (var database = await BenchDatabase.OpenAsync(file))
        using (var connection = database.Connect())
        {
            Fill(connection, users, runs);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{users:N0} users, {runs:N0} runs, {new FileInfo(file).Length / 1048576.0:N0} MiB, {Stopwatch.GetElapsedTime(since).TotalSeconds:F0} s"));
        return 0;
    }

    private static void Fill(SqliteConnection connection, int users, int runs)
    {
        Run(connection, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -500000; PRAGMA temp_store = MEMORY");
        var indexes = LaterIndexes.Select(name => Read(connection, $"SELECT sql FROM sqlite_master WHERE name = '{name}'")).ToArray();
        Run(connection, string.Join(';', LaterIndexes.Select(name => $"DROP INDEX {name}")));
        using (var transaction = connection.BeginTransaction())
        {
            AddUsers(connection, users);
            AddRuns(connection, users, runs);
            transaction.Commit();
        }

        Run(connection, string.Join(';', indexes));
        Run(connection, """
            INSERT INTO timer_versions (user_id, version) SELECT user_id, 2 * count(*) FROM timers GROUP BY user_id;
            PRAGMA journal_mode = WAL;
            """);
    }

    private static void AddUsers(SqliteConnection connection, int users)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        using var account = BenchDatabase.Prepare(
            connection, "INSERT INTO accounts (id, name, name_folded, password_hash, created_at) VALUES (@id, @id, @id, '', @now)", "@id", "@now");
        using var session = BenchDatabase.Prepare(
            connection, "INSERT INTO login_sessions (id, user_id, created_at, expires_at) VALUES (@id, @user_id, @now, @now)", "@id", "@user_id", "@now");
        for (var i = 0; i < users; i++)
        {
            BenchDatabase.Execute(account, BenchDatabase.UserId(i), now);
            BenchDatabase.Execute(session, $"{i:x32}", BenchDatabase.UserId(i), now);
        }
    }

    /// <summary>Ids are spread over their whole range, and users over the ids, as random ones would be.</summary>
    private static void AddRuns(SqliteConnection connection, int users, int runs)
    {
        var random = new Random(1);
        var year = (long)TimeSpan.FromDays(365).TotalMilliseconds;
        var from = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - year;
        using var run = BenchDatabase.Prepare(connection, """
            INSERT INTO timers (id, user_id, status, started_at, stopped_at, updated_at)
            VALUES (@id, @user_id, 'stopped', @started_at, @stopped_at, @stopped_at)
            """, "@id", "@user_id", "@started_at", "@stopped_at");
        for (var i = 0; i < runs; i++)
        {
            var prefix = (ulong)(i / (double)runs * ulong.MaxValue);
            var text = prefix.ToString("x16", CultureInfo.InvariantCulture);
            var id = $"{text[..8]}-{text[8..12]}-{text[12..]}-8000-{random.NextInt64(1L << 48):x12}";
            var startedAt = from + random.NextInt64(year);
            BenchDatabase.Execute(run, id, BenchDatabase.UserId(random.Next(users)), startedAt, startedAt + random.Next(3_600_000));
        }
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = BenchDatabase.Prepare(connection, sql);
        command.ExecuteNonQuery();
    }

    private static string Read(SqliteConnection connection, string sql)
    {
        using var command = BenchDatabase.Prepare(connection, sql);
        return (string)command.ExecuteScalar()!;
    }
}
