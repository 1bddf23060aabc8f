using System.Collections.Immutable;

namespace TimerSync.Nemesis;

/// <summary>One run as it was pressed. Times are milliseconds since 1970.</summary>
internal sealed record ModelRun(Guid Id, long StartedAt, long? StoppedAt);

/// <summary>
/// What the server must do for one user, one command after the other (CONTRACT.md, section 3): the current timer is the run
/// that started last, ties go to the greater id; of two stops the earlier counts; each stored change is one version. Written
/// from the contract, not from the server's code. Immutable.
/// </summary>
internal sealed record TimerModel(ImmutableDictionary<Guid, ModelRun> Runs, ModelRun? Current, long Version)
{
    public static readonly TimerModel Empty = new(ImmutableDictionary<Guid, ModelRun>.Empty, Current: null, Version: 0);

    /// <returns>This very model when the id is there already: a repeat.</returns>
    public TimerModel Start(Guid id, long at) => Runs.ContainsKey(id) ? this : With(new ModelRun(id, at, StoppedAt: null));

    /// <returns>This very model when nothing changes: an unknown id, or a stop that is not earlier.</returns>
    public TimerModel Stop(Guid id, long at)
    {
        if (!Runs.TryGetValue(id, out var run))
        {
            return this;
        }

        var stoppedAt = Math.Max(at, run.StartedAt);
        return run.StoppedAt <= stoppedAt ? this : With(run with { StoppedAt = stoppedAt });
    }

    private TimerModel With(ModelRun run) => new(
        Runs.SetItem(run.Id, run),
        Current is null || run.Id == Current.Id || IsLater(run, Current) ? run : Current,
        Version + 1);

    public static bool IsLater(ModelRun run, ModelRun other) =>
        run.StartedAt != other.StartedAt
            ? run.StartedAt > other.StartedAt
            : string.CompareOrdinal(run.Id.ToString("D"), other.Id.ToString("D")) > 0;
}
