using BenchmarkDotNet.Running;
using TimerSync.Benchmarks.Data;
using TimerSync.Benchmarks.Load;
using TimerSync.Benchmarks.Yardsticks;

namespace TimerSync.Benchmarks;

/// <summary>Entry point; a class of its own name, as the server's <c>Program</c> is visible here too. Usage: RESULTS.md.</summary>
internal static class Bench
{
    public static async Task<int> Main(string[] args)
    {
        try
        {
            switch (args)
            {
                case ["load", .. var options]:
                    return await LoadCommand.RunAsync(new Arguments(options));
                case ["report", .. var options]:
                    return await Report.RunAsync(new Arguments(options));
                case ["seed", .. var options]:
                    return await Seed.RunAsync(new Arguments(options));
                case ["yardstick", "echo", .. var options]:
                    return await EchoServer.RunAsync(options);
                case ["yardstick", "signalr", .. var options]:
                    return await SignalRServer.RunAsync(options);
                default:
                    BenchmarkSwitcher.FromAssembly(typeof(Bench).Assembly).Run(args);
                    return 0;
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }
}
