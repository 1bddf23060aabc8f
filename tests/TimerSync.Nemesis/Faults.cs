using System.Diagnostics;
using System.Globalization;
using TimerSync.Tests;

namespace TimerSync.Nemesis;

internal enum Fault
{
    /// <summary><c>kill -9</c>, and a new start.</summary>
    Kill,

    /// <summary><c>kill -9</c>, and once more while it starts.</summary>
    KillTwice,

    /// <summary><c>kill -9</c> while the disk is full.</summary>
    KillOnFullDisk,

    /// <summary>SIGTERM under load, and a new start.</summary>
    Terminate,

    /// <summary>SIGSTOP, and SIGCONT after a while.</summary>
    Pause,

    /// <summary>No file may grow.</summary>
    FullDisk,

    /// <summary>The network swallows everything, and clients get lost.</summary>
    BlackHole,

    /// <summary>All connections through the network are reset.</summary>
    Cut,
}

/// <summary>Does to a server what happens to servers.</summary>
internal sealed class Faults(TimerSyncServer server, FaultyProxy network, Random random)
{
    /// <summary>The host's timeout is 10 s; a shutdown must be well inside it.</summary>
    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(10);
    private static readonly int[] FullDiskSizes = [1, 4096, 32 * 1024, 100 * 1024, 400 * 1024];

    private readonly List<string> _violations = [];

    public IReadOnlyList<string> Violations => _violations;

    public int Kills { get; private set; }

    public async Task InjectAsync(Fault fault)
    {
        switch (fault)
        {
            case Fault.Kill:
                await KillAsync();
                await server.StartAgainAsync();
                break;
            case Fault.KillTwice:
                await KillAsync();
                await KillWhileStartingAsync();
                await server.StartAgainAsync();
                break;
            case Fault.KillOnFullDisk:
                LimitFiles(FullDiskSize());
                await Task.Delay(random.Next(200));
                await KillAsync();
                await server.StartAgainAsync();
                break;
            case Fault.Terminate:
                await TerminateAsync();
                await server.StartAgainAsync();
                break;
            case Fault.Pause:
                Signal("STOP");
                await Task.Delay(random.Next(100, 1500));
                Signal("CONT");
                break;
            case Fault.FullDisk:
                LimitFiles(FullDiskSize());
                await Task.Delay(random.Next(100, 1000));
                LimitFiles("unlimited");
                await BecomeReadyAsync();
                break;
            case Fault.BlackHole:
                network.BlackHole();
                await Task.Delay(random.Next(500, 3500));
                network.Flow();
                break;
            case Fault.Cut:
                network.Cut();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault, "No such fault.");
        }
    }

    private string FullDiskSize() => FullDiskSizes[random.Next(FullDiskSizes.Length)].ToString(CultureInfo.InvariantCulture);

    private async Task KillAsync()
    {
        await server.KillAsync();
        Kills++;
    }

    private async Task KillWhileStartingAsync()
    {
        var starting = server.StartAgainAsync();
        await Task.Delay(random.Next(1000));
        await KillAsync();
        try
        {
            await starting;
        }
        catch (InvalidOperationException)
        {
            // Killed before it was ready, as intended.
        }
    }

    private async Task TerminateAsync()
    {
        var before = History.Now;
        var exitCode = await server.StopAsync();
        var took = History.Now - before;
        if (exitCode != 0 || took > ShutdownMax.TotalMilliseconds)
        {
            _violations.Add($"SIGTERM: exit code {exitCode} after {took} ms");
        }
    }

    private void LimitFiles(string bytes) => Run(
        "prlimit", "--pid", server.ProcessId.ToString(CultureInfo.InvariantCulture), $"--fsize={bytes}:unlimited");

    private void Signal(string name) => Run("kill", $"-{name}", server.ProcessId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Recovers by itself: without a command that would try.</summary>
    private async Task BecomeReadyAsync()
    {
        using var client = server.CreateClient();
        var before = History.Now;
        while (true)
        {
            using var answer = await client.GetAsync("/readyz");
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            if (History.Now - before > ReadyTimeout.TotalMilliseconds)
            {
                _violations.Add("readyz does not recover when there is room again");
                return;
            }

            await Task.Delay(20);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed: is util-linux installed?");
        }
    }
}
