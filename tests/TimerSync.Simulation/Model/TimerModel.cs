using System.Collections.Immutable;

namespace TimerSync.Simulation.Model;

/// <summary>How a command of the model ends.</summary>
public enum ModelOutcome
{
    /// <summary>Something stored has changed; the version is one higher.</summary>
    Changed,

    /// <summary>It was there already.</summary>
    Repeated,

    /// <summary>A stop of an id that the user does not have.</summary>
    UnknownTimer,

    /// <summary>The id is another user's.</summary>
    IdTaken,
}

/// <summary>A run as it was pressed.</summary>
public sealed record ModelRun(Guid Id, DateTimeOffset StartedAt, DateTimeOffset? StoppedAt);

/// <summary>What a read answers: the current run, and the version.</summary>
public sealed record ModelTimer(Guid? Id, DateTimeOffset? StartedAt, DateTimeOffset? StoppedAt, long Version)
{
    /// <summary>Only a run that was started and not stopped runs.</summary>
    public bool IsRunning => Id is not null && StoppedAt is null;
}

/// <summary>
/// The sequential specification of one user's timers (CONTRACT.md, section 3): the set of runs as they were pressed, and
/// what starting, stopping and reading answer. Immutable, so that a checker can try several orders. Written from the
/// contract alone and shares no code with the server: it is what the server is compared with.
/// </summary>
public sealed class TimerModel
{
    /// <summary>A user who never started a timer.</summary>
    public static readonly TimerModel Empty = new(ImmutableDictionary<Guid, ModelRun>.Empty, version: 0);

    private readonly ImmutableDictionary<Guid, ModelRun> _runs;

    private TimerModel(ImmutableDictionary<Guid, ModelRun> runs, long version)
    {
        _runs = runs;
        Version = version;
    }

    /// <summary>Grows by one with each change.</summary>
    public long Version { get; }

    /// <summary>All runs, in no order.</summary>
    public IEnumerable<ModelRun> Runs => _runs.Values;

    /// <summary>A run by its id; null if there is none.</summary>
    public ModelRun? Find(Guid id) => _runs.GetValueOrDefault(id);

    /// <summary>The first start of an id counts; every later one is a repeat.</summary>
    /// <param name="id">The run.</param>
    /// <param name="at">When it was pressed, by the server's clock (<see cref="PressTime"/>).</param>
    /// <param name="isAnothers">Whether the id is another user's.</param>
    public (ModelOutcome Outcome, TimerModel After) Start(Guid id, DateTimeOffset at, bool isAnothers = false)
    {
        if (isAnothers)
        {
            return (ModelOutcome.IdTaken, this);
        }

        return _runs.ContainsKey(id) ? (ModelOutcome.Repeated, this) : Changed(new ModelRun(id, at, StoppedAt: null));
    }

    /// <summary>Of several stops the earliest counts; one before its start is its start.</summary>
    /// <inheritdoc cref="Start"/>
    public (ModelOutcome Outcome, TimerModel After) Stop(Guid id, DateTimeOffset at, bool isAnothers = false)
    {
        if (isAnothers)
        {
            return (ModelOutcome.IdTaken, this);
        }

        if (Find(id) is not { } run)
        {
            return (ModelOutcome.UnknownTimer, this);
        }

        var stop = at < run.StartedAt ? run.StartedAt : at;
        return run.StoppedAt is { } earlier && earlier <= stop ? (ModelOutcome.Repeated, this) : Changed(run with { StoppedAt = stop });
    }

    /// <summary>The current timer is the run that started last.</summary>
    public ModelTimer Read()
    {
        ModelRun? last = null;
        foreach (var run in _runs.Values)
        {
            last = last is null || StartsAfter(run, last) ? run : last;
        }

        return new ModelTimer(last?.Id, last?.StartedAt, last?.StoppedAt, Version);
    }

    /// <summary>A run ends when it is stopped or when the next run starts, whichever is first.</summary>
    /// <returns>Null while it runs.</returns>
    public DateTimeOffset? EffectiveEnd(ModelRun run)
    {
        var ends = _runs.Values.Where(other => StartsAfter(other, run)).Select(other => other.StartedAt);
        return run.StoppedAt is { } stop ? ends.Append(stop).Min() : ends.Select(end => (DateTimeOffset?)end).Min();
    }

    /// <summary>Ties go to the greater id, compared as its lower-case text.</summary>
    private static bool StartsAfter(ModelRun one, ModelRun other) =>
        one.StartedAt > other.StartedAt
        || (one.StartedAt == other.StartedAt && string.CompareOrdinal(one.Id.ToString("D"), other.Id.ToString("D")) > 0);

    private (ModelOutcome, TimerModel) Changed(ModelRun run) =>
        (ModelOutcome.Changed, new TimerModel(_runs.SetItem(run.Id, run), Version + 1));
}
