using System.Reflection;
using System.Text.RegularExpressions;

namespace TimerSync.Tests;

/// <summary>docs/GUARANTEES.md promises nothing without a test, and names no test that is gone.</summary>
public sealed partial class GuaranteeTests
{
    private static string Guarantees => Read("docs", "GUARANTEES.md");

    [Fact]
    public void Each_promise_names_a_test()
    {
        var tables = Guarantees.Split("| promise | proved by |\n| --- | --- |\n")[1..];
        var promises = tables.SelectMany(table => table.Split("\n\n")[0].Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();

        Assert.NotEmpty(promises);
        Assert.All(promises, promise => Assert.Matches(TestName(), promise));
    }

    [Fact]
    public void Each_test_that_is_named_exists()
    {
        var named = TestName().Matches(Guarantees).Select(match => match.Value.Trim('`')).Distinct(StringComparer.Ordinal).ToList();
        var here = Assembly.GetExecutingAssembly().GetTypes().SelectMany(TestsOf);
        var endToEnd = Directory.EnumerateFiles(Path.Combine(TimerSyncServer.RepositoryRoot, "e2e"), "*Tests.cs").SelectMany(file =>
            Method().Matches(File.ReadAllText(file)).Select(match => $"{Path.GetFileNameWithoutExtension(file)}.{match.Groups["name"].Value}"));

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(here.Concat(endToEnd), StringComparer.Ordinal));
    }

    [Fact]
    public void Each_planted_bug_has_its_row_and_none_survives()
    {
        var planted = Directory.EnumerateFiles(
                Path.Combine(TimerSyncServer.RepositoryRoot, "tests", "TimerSync.Simulation", "mutations"), "*.patch")
            .Select(file => (Name: Path.GetFileNameWithoutExtension(file), What: File.ReadLines(file).First()));
        var rows = PlantedBug().Matches(Read("docs", "PLANTED_BUGS.md"));

        Assert.Equal(
            planted.Order(),
            rows.Select(row => (row.Groups["name"].Value, row.Groups["what"].Value)).Order());
        Assert.DoesNotContain(rows, row => NotFound().IsMatch(row.Value));
    }

    private static IEnumerable<string> TestsOf(Type type) => type.GetMethods()
        .Where(method => method.GetCustomAttribute<FactAttribute>() is { Explicit: false })
        .Select(method => $"{type.Name}.{method.Name}");

    private static string Read(params string[] path) => File.ReadAllText(Path.Combine([TimerSyncServer.RepositoryRoot, .. path]));

    [GeneratedRegex(@"`[A-Za-z0-9]+Tests\.\w+`", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TestName();

    [GeneratedRegex(@"\[(Fact|Theory)\b[^{]*? (Task|void) (?<name>\w+)\(", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Method();

    [GeneratedRegex(@"^\| (?<name>\d\d-[a-z0-9-]+) \| (?<what>[^|]+) \| .*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PlantedBug();

    [GeneratedRegex("DOES NOT|SURVIVES|not run", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotFound();
}
