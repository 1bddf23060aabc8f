using Microsoft.Playwright;
using TimerSync.EndToEnd;
using TimerSync.Tests;

[assembly: AssemblyFixture(typeof(Stack))]

namespace TimerSync.EndToEnd;

/// <summary>
/// What all tests share: one browser, and one server for the tests that leave it alone. Each test has windows and a user of
/// its own. An error in the server's log fails the run.
/// </summary>
public sealed class Stack : IAsyncLifetime
{
    /// <summary>Where a failed test leaves what there is to look at; not committed.</summary>
    public static readonly string ArtifactsFolder = Path.Combine(TimerSyncServer.RepositoryRoot, "artifacts", "e2e");

    /// <summary>For an assertion that waits. Long, because the machine may be busy; a test that means a limit names its own.</summary>
    private const float ExpectTimeoutMs = 15_000;

    private static readonly string[] BrowserArguments =
        ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

    private IPlaywright? _playwright;

    public IPlaywright Playwright => _playwright!;

    public IBrowser Browser { get; private set; } = null!;

    public TimerSyncServer Server { get; private set; } = null!;

    /// <summary>Chromium as a person has it: <c>TIMERSYNC_CHROMIUM</c>, else where Debian has it.</summary>
    private static string Chromium => Environment.GetEnvironmentVariable("TIMERSYNC_CHROMIUM") ?? "/usr/bin/chromium";

    /// <summary>
    /// The same without what is around the pages, which takes half of its time: <c>TIMERSYNC_CHROMIUM_SHELL</c>, else where
    /// Debian has it.
    /// </summary>
    private static string ChromiumShell =>
        Environment.GetEnvironmentVariable("TIMERSYNC_CHROMIUM_SHELL") ?? "/usr/bin/chromium-headless-shell";

    public async ValueTask InitializeAsync()
    {
        var server = StartServerAsync();
        _playwright = await Microsoft.Playwright.Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout(ExpectTimeoutMs);
        Browser = await Playwright.Chromium.LaunchAsync(new() { ExecutablePath = ChromiumShell, ChromiumSandbox = false, Args = BrowserArguments });
        Server = await server;
    }

    /// <summary>A server, with room for many logins from one address.</summary>
    public static Task<TimerSyncServer> StartServerAsync(params (string Key, string Value)[] settings) =>
        TimerSyncServer.StartAsync([("Login:FailuresPerAddress", "100000"), .. settings]);

    /// <summary>A browser of its own that keeps its data in a folder, as a person's browser does.</summary>
    public Task<IBrowserContext> LaunchProfileAsync(string folder) => Playwright.Chromium.LaunchPersistentContextAsync(
        folder, new() { ExecutablePath = Chromium, ChromiumSandbox = false, Args = BrowserArguments });

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        Playwright.Dispose();
        await Server.StopAsync();
        var errors = ErrorsIn(Server);
        await Server.DisposeAsync();
        Assert.True(errors.Count == 0, $"The server logged errors:\n{string.Join('\n', errors)}");
    }

    /// <summary>
    /// All errors but one: the framework calls it an error when a browser goes away while its login session is looked up.
    /// Windows are closed at any moment here.
    /// </summary>
    public static IReadOnlyList<string> ErrorsIn(TimerSyncServer server)
    {
        var lines = server.Log.ToArray();
        return
        [
            .. lines.Where((line, index) => (line.StartsWith("fail:", StringComparison.Ordinal) || line.StartsWith("crit:", StringComparison.Ordinal))
                && !(line.EndsWith("JwtBearerHandler[3]", StringComparison.Ordinal)
                    && lines.ElementAtOrDefault(index + 2)?.Contains("CanceledException", StringComparison.Ordinal) == true)),
        ];
    }
}
