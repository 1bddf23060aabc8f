using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using TimerSync.Tests;

namespace TimerSync.EndToEnd;

/// <summary>
/// What every test does before and after: it keeps the windows that the test opens, asks each whether anything went wrong in
/// it, leaves pictures and server logs of a failed test in <see cref="Stack.ArtifactsFolder"/>, and closes all.
/// </summary>
public abstract class EndToEndTest(Stack stack) : IAsyncLifetime
{
    /// <summary>What Chromium, and htmx after it, write by themselves when a server cannot be reached.</summary>
    private static readonly Regex NoConnection = new(
        @"^console (error|warning): (WebSocket connection to '\S+' failed|htmx: htmx:ws:error: \[object Event\]|htmx: htmx:error: Failed to fetch|Failed to load resource: net::ERR_(CONNECTION_\w+|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED))", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));

    /// <summary>Set <c>TIMERSYNC_TRACE</c> for a trace of each failed test too; it costs a third of the time.</summary>
    private static readonly bool IsTraced = Environment.GetEnvironmentVariable("TIMERSYNC_TRACE") is not null;

    private readonly ConcurrentBag<PageWatch> _watches = [];
    private readonly List<IBrowserContext> _contexts = [];
    private readonly List<TimerSyncServer> _servers = [];
    private readonly List<IAsyncDisposable> _things = [];
    private readonly List<Regex> _allowed = [];
    private readonly List<string> _folders = [];

    protected Stack Stack => stack;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Somebody new, known to the shared server or to another one.</summary>
    protected Task<TestUser> SignUpAsync(TimerSyncServer? server = null) => TestUser.SignUpAsync(server ?? stack.Server);

    /// <summary>A server of this test alone, which it may kill.</summary>
    protected async Task<TimerSyncServer> StartServerAsync(params (string Key, string Value)[] settings)
    {
        var server = await Stack.StartServerAsync(settings);
        _servers.Add(server);
        return server;
    }

    /// <summary>A network between a window and the server, which can be slow, cut off, or dead without saying so.</summary>
    protected TcpProxy StartNetwork(TimerSyncServer? server = null)
    {
        var network = new TcpProxy((server ?? stack.Server).Address);
        _things.Add(network);
        return network;
    }

    /// <summary>A browser that nobody has used yet, with the login form open.</summary>
    /// <param name="address">The server, or a network before it; the shared server when left out.</param>
    /// <param name="options">Of the browser, such as its size.</param>
    /// <param name="initScript">Runs before the page's own scripts.</param>
    protected async Task<LoginPage> OpenBrowserAsync(Uri? address = null, BrowserNewContextOptions? options = null, string? initScript = null)
    {
        var context = await stack.Browser.NewContextAsync(options ?? new());
        if (initScript is not null)
        {
            await context.AddInitScriptAsync(initScript);
        }

        await PrepareAsync(context);
        var page = await OpenPageAsync(context, address);
        return new LoginPage(page);
    }

    /// <summary>A browser in which a person is signed in.</summary>
    protected async Task<TimerPage> OpenTimerAsync(
        TestUser user, Uri? address = null, BrowserNewContextOptions? options = null, string? initScript = null)
    {
        var login = await OpenBrowserAsync(address ?? user.Server.Address, options, initScript);
        return await login.SignInAsync(user.Name, user.Password);
    }

    /// <summary>Another tab of a browser.</summary>
    protected Task<TimerPage> OpenTabAsync(TimerPage other) => OpenTabAsync(other.Page.Context, new Uri(other.Page.Url));

    protected async Task<TimerPage> OpenTabAsync(IBrowserContext context, Uri address) => new(await OpenPageAsync(context, address));

    /// <summary>An empty folder, deleted after the test.</summary>
    protected string CreateFolder()
    {
        var folder = Directory.CreateTempSubdirectory("timersync-e2e-").FullName;
        _folders.Add(folder);
        return folder;
    }

    /// <summary>A browser whose data outlives it.</summary>
    protected async Task<IPage> OpenProfileAsync(string folder, Uri address)
    {
        var context = await stack.LaunchProfileAsync(folder);
        await PrepareAsync(context);
        return await OpenPageAsync(context, address);
    }

    /// <summary><c>kill -9</c> for a browser with a folder of its own.</summary>
    protected async Task KillAsync(IBrowserContext context, string folder)
    {
        _contexts.Remove(context);
        var closed = new TaskCompletionSource();
        context.Close += (_, _) => closed.TrySetResult();
        Processes.Kill(Processes.Find(folder));
        await closed.Task.WaitAsync(Cancellation);
    }

    /// <summary>Closes a browser before the test is over.</summary>
    protected async Task CloseAsync(IBrowserContext context)
    {
        _contexts.Remove(context);
        await context.CloseAsync();
    }

    /// <summary>The desktop shell; its page shows the login form, or that there is no server.</summary>
    protected async Task<ElectronWindow> OpenDesktopAsync(Uri? address = null, string? userData = null)
    {
        var authority = (address ?? stack.Server.Address).Authority;
        var window = await ElectronWindow.StartAsync(stack.Playwright, address ?? stack.Server.Address, userData);
        _things.Add(window);
        _watches.Add(PageWatch.Start(window.Page, authority));
        await window.Page.AddInitScriptAsync(PageWatch.InitScript);
        return window;
    }

    /// <summary>The desktop shell with a person signed in.</summary>
    protected async Task<(ElectronWindow Window, TimerPage Timer)> OpenDesktopTimerAsync(TestUser user, Uri? address = null, string? userData = null)
    {
        var window = await OpenDesktopAsync(address ?? user.Server.Address, userData);
        return (window, await new LoginPage(window.Page).SignInAsync(user.Name, user.Password));
    }

    /// <summary>For tests that take the server away: what Chromium itself says about that is no fault of the page.</summary>
    protected void AllowLostConnections() => _allowed.Add(NoConnection);

    /// <summary>A message that this test brings about.</summary>
    protected void Allow(string pattern) => _allowed.Add(new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1)));

    /// <summary>The messages of one kind that a page has sent.</summary>
    protected int CountSent(TimerPage timer, string action) =>
        _watches.Single(watch => watch.Page == timer.Page).Sent.Count(message => message.Contains($"\"{action}\"", StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        string[] problems =
        [
            .. _watches.SelectMany(watch => watch.Problems(_allowed)),
            .. _servers.SelectMany(Stack.ErrorsIn),
        ];
        var isFailed = TestContext.Current.TestState?.Result == TestResult.Failed || problems.Length > 0;
        if (isFailed)
        {
            await KeepArtifactsAsync(problems);
        }

        foreach (var context in _contexts)
        {
            await context.CloseAsync();
        }

        foreach (var thing in _things)
        {
            await thing.DisposeAsync();
        }

        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        _folders.ForEach(folder => Directory.Delete(folder, recursive: true));
        Assert.Empty(problems);
    }

    private async Task PrepareAsync(IBrowserContext context)
    {
        _contexts.Add(context);
        await context.AddInitScriptAsync(PageWatch.InitScript);
        if (IsTraced)
        {
            await context.Tracing.StartAsync(new() { Snapshots = true }); // its snapshots of the DOM cost less than pictures
        }
    }

    private async Task<IPage> OpenPageAsync(IBrowserContext context, Uri? address)
    {
        address ??= stack.Server.Address;
        var page = await context.NewPageAsync();
        _watches.Add(PageWatch.Start(page, address.Authority));
        await page.GotoAsync(address.AbsoluteUri);
        return page;
    }

    /// <summary>Never throws: it would hide why the test failed.</summary>
    private async Task KeepArtifactsAsync(string[] problems)
    {
        var folder = Path.Combine(Stack.ArtifactsFolder, Regex.Replace(
            TestContext.Current.Test?.TestDisplayName ?? "test", "[^A-Za-z0-9_.-]+", "_", RegexOptions.None, TimeSpan.FromSeconds(1)));
        Directory.CreateDirectory(folder);
        await File.WriteAllLinesAsync(Path.Combine(folder, "problems.txt"), problems);
        var number = 0;
        foreach (var watch in _watches.Where(watch => !watch.Page.IsClosed))
        {
            number++;
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"page-{number}.png"));
            await TryAsync(() => watch.Page.ScreenshotAsync(new() { Path = path, Timeout = 5000 }));
        }

        number = 0;
        foreach (var context in IsTraced ? _contexts : [])
        {
            number++;
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"trace-{number}.zip"));
            await TryAsync(() => context.Tracing.StopAsync(new() { Path = path }));
        }

        number = 0;
        foreach (var server in _servers.DefaultIfEmpty(stack.Server))
        {
            number++;
            await File.WriteAllLinesAsync(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"server-{number}.log")), server.Log);
        }

        foreach (var window in _things.OfType<ElectronWindow>())
        {
            await File.WriteAllLinesAsync(Path.Combine(folder, "electron.log"), window.Log);
        }

        static async Task TryAsync(Func<Task> keep)
        {
            try
            {
                await keep();
            }
            catch (PlaywrightException exception)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"Not kept: {exception.Message}");
            }
            catch (TimeoutException exception)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"Not kept: {exception.Message}");
            }
        }
    }
}
