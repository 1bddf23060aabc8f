using System.Diagnostics;
using System.Text.RegularExpressions;

namespace TimerSync.Tests;

/// <summary>What the README tells a reader to type works, as it stands there.</summary>
public sealed partial class ReadmeTests(SharedServer shared)
{
    private static readonly TimeSpan ProgramTimeout = TimeSpan.FromMinutes(2);

    private static string Readme => File.ReadAllText(Path.Combine(TimerSyncServer.RepositoryRoot, "README.md"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Curl_alone_can_log_in_start_read_and_stop()
    {
        var script = ForTest(CodeBlocks("sh").Single(block => block.Contains("timer_start", StringComparison.Ordinal)));

        using var shell = Start("bash", shared.Server.Folder, "-euc", script);
        var answers = await shell.StandardOutput.ReadToEndAsync(Cancellation);

        Assert.Equal(["stopped", "running", "stopped"], StatusPattern().Matches(answers).Select(match => match.Groups["status"].Value), StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_socket_client_prints_the_change_that_it_makes()
    {
        var user = await TestUser.SignUpAsync(shared.Server);
        var folder = Directory.CreateTempSubdirectory("timersync-readme-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "client.cs"), ForTest(CodeBlocks("csharp").Single()), Cancellation);

        using var client = Start("dotnet", folder, "run", "client.cs", "--", user.Token);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        timeout.CancelAfter(ProgramTimeout);
        var first = await client.StandardOutput.ReadLineAsync(timeout.Token);
        var second = await client.StandardOutput.ReadLineAsync(timeout.Token);
        client.Kill(entireProcessTree: true);
        await client.WaitForExitAsync(timeout.Token);
        Directory.Delete(folder, recursive: true);

        Assert.Contains("\"status\":\"stopped\"", first, StringComparison.Ordinal);
        Assert.Contains("\"status\":\"running\"", second, StringComparison.Ordinal);
    }

    /// <summary>The README has more of them.</summary>
    [Fact]
    public void The_readme_names_every_setting_of_the_contract()
    {
        var contract = File.ReadAllText(Path.Combine(TimerSyncServer.RepositoryRoot, "Features", "CONTRACT.md"));
        var keys = SettingPattern().Matches(contract).Select(match => match.Groups["key"].Value).ToList();

        Assert.NotEmpty(keys);
        Assert.All(keys, key => Assert.Contains(key, Readme, StringComparison.Ordinal));
    }

    private string ForTest(string code) => code
        .Replace("localhost:5080", shared.Server.Address.Authority, StringComparison.Ordinal)
        .Replace("\"ann\"", $"\"ann-{Guid.NewGuid():N}\"", StringComparison.Ordinal);

    private static IEnumerable<string> CodeBlocks(string language) =>
        Regex.Matches(Readme, $"```{language}\n(.*?)```", RegexOptions.Singleline, TimeSpan.FromSeconds(1)).Select(match => match.Groups[1].Value);

    private static Process Start(string program, string folder, params string[] arguments) => Process.Start(
        new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, UseShellExecute = false })!;

    [GeneratedRegex("\"status\":\"(?<status>\\w+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StatusPattern();

    [GeneratedRegex(@"^\| `(?<key>\w+:\w+)`", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SettingPattern();
}
