using System.Net.WebSockets;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Npgsql;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;
using TimerSync.Tests.Postgres;

namespace TimerSync.Tests;

/// <summary>What holds for every slice, and that code and contract name the same things.</summary>
public sealed partial class ConventionTests(SharedServer shared)
{
    private static readonly string Features = Path.Combine(TimerSyncServer.RepositoryRoot, "Features");
    private static readonly string Infrastructure = Path.Combine(TimerSyncServer.RepositoryRoot, "Infrastructure");
    private static readonly string Contract = File.ReadAllText(Path.Combine(Features, "CONTRACT.md"));

    public static TheoryData<string> Statements =>
        [.. new[] { Features, Infrastructure }
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.sql", SearchOption.AllDirectories))
            .Where(path => Path.GetFileName(Path.GetDirectoryName(path)) != "Migrations")
            .Select(path => Path.GetRelativePath(TimerSyncServer.RepositoryRoot, path))
            .Order(StringComparer.Ordinal)];

    [Fact]
    public void Each_slice_has_tests()
    {
        var slices = Directory.EnumerateFiles(Features, "*Module.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Features, Path.GetDirectoryName(path)!)).ToArray();

        Assert.NotEmpty(slices);
        Assert.All(slices, slice =>
        {
            var tests = Path.Combine(TimerSyncServer.RepositoryRoot, "tests", "TimerSync.Tests", slice);
            Assert.True(Directory.Exists(tests) && Directory.EnumerateFiles(tests, "*.cs").Any(), $"{slice} has no tests.");
        });
    }

    [Fact]
    public void Infrastructure_never_references_Features()
    {
        var files = Directory.EnumerateFiles(Infrastructure, "*.cs", SearchOption.AllDirectories).ToArray();

        Assert.NotEmpty(files);
        Assert.All(files, path => Assert.DoesNotContain("TimerSync.Features", File.ReadAllText(path), StringComparison.Ordinal));
    }

    /// <summary>Those of PostgreSQL alone run in the tests of its store and of two nodes.</summary>
    public static TheoryData<string> SharedStatements =>
        [.. Statements.Select(row => row.Data).Where(path => !path.EndsWith(".postgres.sql", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(SharedStatements))]
    public void Each_statement_prepares_on_SQLite(string path)
    {
        Assert.SkipWhen(TestEngine.IsPostgres, "On PostgreSQL it is another test.");
        using var database = new SqliteConnection($"Data Source={shared.Server.DatabaseFile};Mode=ReadOnly;Pooling=false");
        database.Open();
        using var statement = database.CreateCommand();
        statement.CommandText = File.ReadAllText(Path.Combine(TimerSyncServer.RepositoryRoot, path));

        statement.Prepare();
    }

    [Theory]
    [MemberData(nameof(SharedStatements))]
    public async Task Each_statement_prepares_on_PostgreSQL(string path)
    {
        var sql = await File.ReadAllTextAsync(Path.Combine(TimerSyncServer.RepositoryRoot, path), TestContext.Current.CancellationToken);
        var names = Parameter().Matches(sql).Select(match => match.Value).Distinct(StringComparer.Ordinal).ToList();

        await (await PostgresCluster.Shared).ExecuteAsync(
            $"SET ROLE timersync; PREPARE statement AS {Parameter().Replace(sql, match => $"${names.IndexOf(match.Value) + 1}")}",
            await Schema.Value);
    }

    [Fact]
    public void Statements_are_embedded_by_a_name_that_is_unique() =>
        Assert.Equal(Statements.Count, Statements.Select(row => Path.GetFileName(row.Data)).Distinct(StringComparer.OrdinalIgnoreCase).Count());

    [Fact]
    public void Contract_and_code_have_the_same_error_codes()
    {
        var list = Contract.Split("- Error codes:")[1].Split("An error\n")[0];

        Assert.Equal(
            Code().Matches(list).Select(match => match.Groups["code"].Value).Order(StringComparer.Ordinal),
            Constants<string>(typeof(ErrorCodes)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Contract_and_code_have_the_same_close_codes()
    {
        var table = Contract.Split("### Closing")[1].Split("\n## ")[0];

        Assert.Equal(
            CloseCode().Matches(table).Select(match => match.Groups["code"].Value).Order(StringComparer.Ordinal),
            Constants<WebSocketCloseStatus>(typeof(CloseCodes))
                .Where(code => code != CloseCodes.Normal) // no reason to do anything: not in the table
                .Select(code => ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture)).Order(StringComparer.Ordinal));
    }

    /// <returns>The name of a PostgreSQL database that a server has made its tables in.</returns>
    private static readonly Lazy<Task<string>> Schema = new(async () =>
    {
        var database = await (await PostgresCluster.Shared).CreateDatabaseAsync();
        await using var server = await Nodes.StartAsync(database);
        return new NpgsqlConnectionStringBuilder(database).Database!;
    });

    private static IEnumerable<T> Constants<T>(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (T)field.GetRawConstantValue()!);

    [GeneratedRegex("@[a-z_]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Parameter();

    [GeneratedRegex("`(?<code>[a-z_]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Code();

    [GeneratedRegex(@"^\| (?<code>\d{4}) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CloseCode();
}
