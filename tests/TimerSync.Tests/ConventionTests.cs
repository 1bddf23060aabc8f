using System.Net.WebSockets;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

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

    [Theory]
    [MemberData(nameof(Statements))]
    public void Each_statement_prepares_on_SQLite(string path)
    {
        using var database = new SqliteConnection($"Data Source={shared.Server.DatabaseFile};Mode=ReadOnly;Pooling=false");
        database.Open();
        using var statement = database.CreateCommand();
        statement.CommandText = File.ReadAllText(Path.Combine(TimerSyncServer.RepositoryRoot, path));

        statement.Prepare();
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

    private static IEnumerable<T> Constants<T>(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (T)field.GetRawConstantValue()!);

    [GeneratedRegex("`(?<code>[a-z_]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Code();

    [GeneratedRegex(@"^\| (?<code>\d{4}) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CloseCode();
}
