using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Timers;

/// <summary>
/// The contract's rule once more, written independently and for plainness alone: it keeps every press and derives all else
/// from them. Ids are compared as text, stops are a list, and nothing is cached.
/// </summary>
internal sealed class TimerModel
{
    private readonly Dictionary<string, PressedRun> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _versions = new(StringComparer.Ordinal);

    public CommandOutcome Press(TimerCommand command)
    {
        var id = command.RunId.ToString();
        if (!_runs.TryGetValue(id, out var run))
        {
            if (command.Action == TimerAction.Stop)
            {
                return CommandOutcome.UnknownTimer;
            }

            _runs[id] = new PressedRun(id, command.UserId, command.At, []);
            _versions[command.UserId] = VersionOf(command.UserId) + 1;
            return CommandOutcome.Changed;
        }

        if (run.UserId != command.UserId)
        {
            return CommandOutcome.IdTaken;
        }

        if (command.Action == TimerAction.Start)
        {
            return CommandOutcome.Repeated;
        }

        var before = run.StoppedAt;
        run.Stops.Add(command.At);
        if (run.StoppedAt == before)
        {
            return CommandOutcome.Repeated;
        }

        _versions[command.UserId] = VersionOf(command.UserId) + 1;
        return CommandOutcome.Changed;
    }

    public long VersionOf(string userId) => _versions.GetValueOrDefault(userId);

    /// <summary>In the order in which they started.</summary>
    public IReadOnlyList<PressedRun> RunsOf(string userId) =>
    [
        .. _runs.Values.Where(run => run.UserId == userId)
            .OrderBy(run => run.StartedAt).ThenBy(run => run.Id, StringComparer.Ordinal),
    ];

    public PressedRun? CurrentOf(string userId) => RunsOf(userId) is [.., var last] ? last : null;

    public TimerStatus StatusOf(PressedRun run) =>
        run.StoppedAt is null && run == CurrentOf(run.UserId) ? TimerStatus.Running : TimerStatus.Stopped;

    /// <summary>When it was stopped or when the next one started, whichever is first; null while it runs.</summary>
    public DateTimeOffset? EndOf(PressedRun run)
    {
        var ends = RunsOf(run.UserId).SkipWhile(other => other != run).Skip(1).Take(1).Select(next => next.StartedAt).ToList();
        if (run.StoppedAt is { } stoppedAt)
        {
            ends.Add(stoppedAt);
        }

        return ends.Count == 0 ? null : ends.Min();
    }

    /// <summary>All that a client or a reader of the database can tell of a user's timers, as comparable text.</summary>
    public string Describe(string userId) => string.Join('\n', RunsOf(userId).Select(run =>
        RunText.Of(run.Id, StatusOf(run), run.StartedAt, run.StoppedAt)));

    /// <summary>One run as it was pressed: one start, any number of stops.</summary>
    internal sealed record PressedRun(string Id, string UserId, DateTimeOffset StartedAt, List<DateTimeOffset> Stops)
    {
        public DateTimeOffset? StoppedAt =>
            Stops.Count == 0 ? null : Stops.Min() < StartedAt ? StartedAt : Stops.Min();
    }
}

/// <summary>A run as one line, for comparing.</summary>
internal static class RunText
{
    public static string Of(string id, TimerStatus status, DateTimeOffset startedAt, DateTimeOffset? stoppedAt) =>
        $"{id} {status} {WireTime.ToText(startedAt)}..{(stoppedAt is { } end ? WireTime.ToText(end) : "")}";
}
