using TimerSync.Infrastructure.Timers;

namespace TimerSync.Tests.Timers;

/// <summary>The server's rule, folded over commands in memory: what a store does with its decisions.</summary>
internal sealed class FoldedRule
{
    private readonly Dictionary<Guid, StoredRun> _runs = [];
    private readonly Dictionary<Guid, TimerStatus> _statuses = [];
    private readonly Dictionary<string, Run> _current = new(StringComparer.Ordinal);

    public IEnumerable<Run> Runs => _runs.Values.Select(stored => stored.Run);

    public Decision Press(TimerCommand command)
    {
        var decision = TimerRule.Decide(
            command, _runs.GetValueOrDefault(command.RunId), _current.GetValueOrDefault(command.UserId), Presses.Begin.AddDays(1));
        if (decision.Superseded is { } superseded)
        {
            _statuses[superseded.Id] = TimerStatus.Stopped;
        }

        if (decision.Changed is { } changed)
        {
            _runs[changed.Id] = new StoredRun(command.UserId, changed);
            _statuses[changed.Id] = changed.Id == decision.Current!.Id ? TimerRule.StatusOf(changed) : TimerStatus.Stopped;
        }

        if (decision.Current is { } current)
        {
            _current[command.UserId] = current;
        }

        return decision;
    }

    public int RunningOf(string userId) =>
        _runs.Values.Count(stored => stored.UserId == userId && _statuses[stored.Run.Id] == TimerStatus.Running);

    /// <summary>As <see cref="TimerModel.Describe"/>.</summary>
    public string Describe(string userId) => string.Join('\n', _runs.Values
        .Where(stored => stored.UserId == userId).Select(stored => stored.Run).Order(Comparer<Run>.Create(TimerRule.Compare))
        .Select(run => RunText.Of(run.Id.ToString(), _statuses[run.Id], run.StartedAt, run.StoppedAt)));
}
