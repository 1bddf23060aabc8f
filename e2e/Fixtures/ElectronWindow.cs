using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using TimerSync.Tests;

namespace TimerSync.EndToEnd;

/// <summary>The desktop shell in a real window, on a display and with a user data folder of its own.</summary>
public sealed partial class ElectronWindow : IAsyncDisposable
{
    private const int ConnectAttemptsMax = 3;
    private const float ConnectTimeoutMs = 20_000;

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(20);
    private static readonly Lazy<Task<string[]>> Command = new(PrepareAsync);

    private readonly string _userData;
    private readonly bool _keepsUserData;
    private readonly ConcurrentQueue<string> _log = new();
    private readonly TaskCompletionSource<string> _devTools = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Uri> _inspector = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Match> _display = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;
    private IBrowser? _browser;

    private ElectronWindow(string[] command, Uri address, string? userData)
    {
        _keepsUserData = userData is not null;
        _userData = userData ?? Directory.CreateTempSubdirectory("timersync-desktop-").FullName;
        var start = new ProcessStartInfo("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(Path.Combine(TimerSyncServer.RepositoryRoot, "e2e", "run-window.sh"));
        foreach (var argument in (string[])[.. command, "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--inspect=0"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["TIMERSYNC_URL"] = address.GetLeftPart(UriPartial.Authority);
        start.Environment["TIMERSYNC_USER_DATA"] = _userData;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
    }

    /// <summary>What the window shows.</summary>
    public IPage Page { get; private set; } = null!;

    /// <summary>Everything that the shell printed.</summary>
    public IEnumerable<string> Log => _log;

    /// <param name="playwright">To look into the window with.</param>
    /// <param name="address">Of the server.</param>
    /// <param name="userData">A folder that outlives the window; one of its own when left out.</param>
    public static async Task<ElectronWindow> StartAsync(IPlaywright playwright, Uri address, string? userData = null)
    {
        var window = new ElectronWindow(await Command.Value, address, userData);
        try
        {
            window._process.Start();
            window._process.BeginOutputReadLine();
            window._process.BeginErrorReadLine();
            var devTools = await window._devTools.Task.WaitAsync(StartTimeout);
            window._browser = await ConnectAsync(playwright, devTools);
            var context = window._browser.Contexts[0];
            window.Page = context.Pages.Count > 0 ? context.Pages[0] : await context.WaitForPageAsync();
            return window;
        }
        catch (Exception exception)
        {
            await window.DisposeAsync();
            throw new InvalidOperationException($"The shell did not start: {string.Join('\n', window.Log)}", exception);
        }
    }

    /// <summary>Who looks at the moment in which the window is made may wait for it without end: then it is looked at again.</summary>
    private static async Task<IBrowser> ConnectAsync(IPlaywright playwright, string devTools)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // Electron knows no browser contexts: none of a browser's defaults may be set.
                return await playwright.Chromium.ConnectOverCDPAsync(devTools, new() { NoDefaults = true, Timeout = ConnectTimeoutMs });
            }
            catch (TimeoutException) when (attempt < ConnectAttemptsMax)
            {
            }
        }
    }

    /// <summary>The shell's main process.</summary>
    public async Task<int> GetProcessIdAsync() =>
        int.Parse((await _display.Task.WaitAsync(StartTimeout)).Groups["process"].Value, CultureInfo.InvariantCulture);

    /// <summary><c>kill -9</c>; its folder can be used again then.</summary>
    public async Task KillAsync()
    {
        var closed = new TaskCompletionSource();
        _browser!.Disconnected += (_, _) => closed.TrySetResult();
        Processes.Kill(await GetProcessIdAsync());
        await closed.Task.WaitAsync(EndTimeout);
    }

    /// <summary>Has the operating system tell the shell something, such as <c>resume</c>: runs as if in its main process.</summary>
    public async Task EmitPowerAsync(string name, CancellationToken cancellationToken)
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(await _inspector.Task.WaitAsync(StartTimeout, cancellationToken), cancellationToken);
        var expression = $"process.mainModule.require('electron').powerMonitor.emit('{name}')";
        var call = JsonSerializer.SerializeToUtf8Bytes(new { id = 1, method = "Runtime.evaluate", @params = new { expression } });
        await socket.SendAsync(call, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        var answer = new byte[4096];
        var length = (await socket.ReceiveAsync(answer, cancellationToken)).Count;
        var result = JsonDocument.Parse(answer.AsMemory(0, length)).RootElement.GetProperty("result").GetProperty("result");
        Assert.True(result.TryGetProperty("value", out var isHeard) && isHeard.GetBoolean(), $"Nobody listens to {name}: {result}");
    }

    /// <summary>The titles of the windows on the display, one on each line.</summary>
    public async Task<string> ReadTitlesAsync(CancellationToken cancellationToken)
    {
        var display = await _display.Task.WaitAsync(StartTimeout, cancellationToken);
        var start = new ProcessStartInfo("xwininfo", ["-root", "-tree"]) { RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment["DISPLAY"] = display.Groups["number"].Value;
        start.Environment["XAUTHORITY"] = display.Groups["authority"].Value;
        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return string.Join('\n', WindowName().Matches(output).Select(match => match.Groups["name"].Value));
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            try
            {
                await Page.CloseAsync().WaitAsync(EndTimeout); // the last window ends the shell
                await _browser.CloseAsync();
            }
            catch (Exception exception) when (exception is PlaywrightException or TimeoutException)
            {
                _log.Enqueue($"The window did not close: {exception.Message}");
            }
        }

        try
        {
            _process.StandardInput.Close(); // run-window.sh ends what is left
            await _process.WaitForExitAsync().WaitAsync(EndTimeout);
        }
        catch (InvalidOperationException)
        {
            // It never started.
        }

        _process.Dispose();
        if (!_keepsUserData)
        {
            Directory.Delete(_userData, recursive: true);
        }
    }

    /// <summary>Has an Electron made ready, once.</summary>
    private static async Task<string[]> PrepareAsync()
    {
        var script = Path.Combine(TimerSyncServer.RepositoryRoot, "e2e", "electron-runtime", "prepare.sh");
        using var process = Process.Start(new ProcessStartInfo(script) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, "There is no Electron to be had: see the output of e2e/electron-runtime/prepare.sh.");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        _log.Enqueue(line);
        if (DevTools().Match(line) is { Success: true } devTools)
        {
            _devTools.TrySetResult(devTools.Groups["address"].Value);
        }
        else if (Inspector().Match(line) is { Success: true } inspector)
        {
            _inspector.TrySetResult(new Uri(inspector.Groups["address"].Value));
        }
        else if (Display().Match(line) is { Success: true } display)
        {
            _display.TrySetResult(display);
        }
    }

    [GeneratedRegex(@"DevTools listening on (?<address>ws://\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex DevTools();

    [GeneratedRegex(@"^Debugger listening on (?<address>ws://\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Inspector();

    [GeneratedRegex(@"^display (?<number>\S+) (?<authority>\S+) (?<process>\d+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Display();

    [GeneratedRegex("^ +0x[0-9a-f]+ \"(?<name>[^\"]+)\"", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 1000)]
    private static partial Regex WindowName();
}
