using System.Diagnostics;
using System.Globalization;

namespace TimerSync.Benchmarks.Load;

/// <summary><c>kill -9</c> and restart, with every connection coming back as the page's do.</summary>
/// <param name="BackAfter">From the start of the new process until all have the right state again; null when they did not.</param>
/// <param name="Connections">How many.</param>
/// <param name="Wrong">Connections that came back and whose state was not the one before the kill.</param>
internal sealed record Restart(TimeSpan? BackAfter, int Connections, int Wrong)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CommandsLimit = TimeSpan.FromSeconds(60);

    public static Restart Measure(LoadRun run)
    {
        run.Connect();
        if (!run.Traffic.RunOnce(CommandsLimit)) // so that there is something to remember
        {
            throw new InvalidOperationException("Not every command was delivered before the restart.");
        }

        var peers = run.Client.Peers;
        run.Client.PollUntil(() => peers.All(peer => peer.Version == peer.User.Listener!.Version), CommandsLimit);
        var versions = peers.Select(peer => peer.Version).ToArray();
        run.Client.Reconnects = true;
        run.Server.Kill();
        var since = Stopwatch.GetTimestamp();
        run.Server.Launch();
        run.Client.PollUntil(() => run.Client.OpenCount == 0, Limit); // all have noticed
        var isBack = run.Client.PollUntil(() => run.Client.OpenCount == peers.Count && peers.All(peer => peer.Version >= 0), Limit);
        return new Restart(
            isBack ? Stopwatch.GetElapsedTime(since) : null,
            peers.Count,
            peers.Where((peer, i) => peer.Version >= 0 && peer.Version != versions[i]).Count());
    }

    public static void Print(Restart restart) => LoadCommand.Line(
        "back after kill -9 and restart",
        string.Create(CultureInfo.InvariantCulture, $"{restart.Connections:N0} connections, {(restart.BackAfter is { } time ? $"{time.TotalSeconds:F1} s" : "not all within 60 s")}, {restart.Wrong} with a wrong state"));
}
