using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Commands that are decided in memory, one after the other, on what was read for all of them; then it knows what to store.
/// </summary>
/// <param name="epoch">Of the snapshots.</param>
/// <param name="now">The server's time of this commit.</param>
internal sealed class TimerBatch(string epoch, DateTimeOffset now)
{
    private readonly Dictionary<string, long> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Run> _current = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, StoredRun> _runs = [];
    private readonly HashSet<Guid> _stored = [];
    private readonly HashSet<Guid> _touched = [];
    private readonly Dictionary<string, long> _changedVersions = new(StringComparer.Ordinal);

    /// <summary>Users whose version grew, with the new one.</summary>
    public IReadOnlyDictionary<string, long> ChangedVersions => _changedVersions;

    /// <summary>Stored runs that have changed: all of them have stopped, or were cut short.</summary>
    public List<Run> Updated => [.. _touched.Where(_stored.Contains).Select(id => _runs[id].Run)];

    /// <summary>New runs. At most one of a user runs.</summary>
    public List<(string UserId, Run Run, TimerStatus Status)> Inserted =>
    [
        .. _touched.Where(id => !_stored.Contains(id)).Select(id => _runs[id]).Select(stored =>
            (stored.UserId, stored.Run, _current[stored.UserId].Id == stored.Run.Id ? TimerRule.StatusOf(stored.Run) : TimerStatus.Stopped)),
    ];

    public void AddVersion(string userId, long version) => _versions[userId] = version;

    public void AddCurrent(string userId, Run run)
    {
        _current[userId] = run;
        AddRun(userId, run);
    }

    public void AddRun(string userId, Run run)
    {
        _runs[run.Id] = new StoredRun(userId, run);
        _stored.Add(run.Id);
    }

    public CommandResult Apply(TimerCommand command)
    {
        var decision = TimerRule.Decide(
            command, _runs.GetValueOrDefault(command.RunId), _current.GetValueOrDefault(command.UserId), now);
        var version = _versions.GetValueOrDefault(command.UserId);
        if (decision.Changed is { } changed)
        {
            Touch(command.UserId, decision.Superseded);
            Touch(command.UserId, changed);
            _current[command.UserId] = decision.Current!;
            _versions[command.UserId] = _changedVersions[command.UserId] = ++version;
        }

        return new CommandResult(decision.Outcome, TimerSnapshot.Of(command.UserId, decision.Current, version, epoch, now));
    }

    private void Touch(string userId, Run? run)
    {
        if (run is not null)
        {
            _runs[run.Id] = new StoredRun(userId, run);
            _touched.Add(run.Id);
        }
    }
}
