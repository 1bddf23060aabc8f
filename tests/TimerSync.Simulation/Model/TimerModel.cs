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
public sealed record ModelRun(Guid Id, DateTimeOffset StartedAt, DateTimeOffset? StoppedAt)
{
    /// <summary>Decides ties: the id's lower-case text.</summary>
    public string Text { get; } = Id.ToString("D");
}

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
    public static readonly TimerModel Empty = new(
        ImmutableDictionary<Guid, ModelRun>.Empty, ImmutableSortedSet<ModelRun>.Empty.WithComparer(Comparer<ModelRun>.Create(CompareStarts)), version: 0);

    private readonly ImmutableDictionary<Guid, ModelRun> _byId;
    private readonly ImmutableSortedSet<ModelRun> _byStart;

    private TimerModel(ImmutableDictionary<Guid, ModelRun> byId, ImmutableSortedSet<ModelRun> byStart, long version)
    {
        _byId = byId;
        _byStart = byStart;
        Version = version;
    }

    /// <summary>Grows by one with each change.</summary>
    public long Version { get; }

    /// <summary>All runs, in the order of their starts.</summary>
    public IReadOnlyCollection<ModelRun> Runs => _byStart;

    /// <summary>A run by its id; null if there is none.</summary>
    public ModelRun? Find(Guid id) => _byId.GetValueOrDefault(id);

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

        return _byId.ContainsKey(id) ? (ModelOutcome.Repeated, this) : Changed(new ModelRun(id, at, StoppedAt: null));
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
        var last = _byStart.IsEmpty ? null : _byStart.Max;
        return new ModelTimer(last?.Id, last?.StartedAt, last?.StoppedAt, Version);
    }

    /// <summary>A run ends when it is stopped or when the next run starts, whichever is first.</summary>
    /// <returns>Each run's end; null while it runs.</returns>
    public IReadOnlyDictionary<Guid, DateTimeOffset?> EffectiveEnds()
    {
        var ends = new Dictionary<Guid, DateTimeOffset?>(_byStart.Count);
        ModelRun? previous = null;
        foreach (var run in _byStart)
        {
            if (previous is not null)
            {
                ends[previous.Id] = previous.StoppedAt < run.StartedAt ? previous.StoppedAt : run.StartedAt;
            }

            ends[run.Id] = run.StoppedAt;
            previous = run;
        }

        return ends;
    }

    /// <summary>Ties go to the greater id, compared as its lower-case text.</summary>
    private static int CompareStarts(ModelRun one, ModelRun other)
    {
        var byStart = one.StartedAt.CompareTo(other.StartedAt);
        return byStart != 0 ? byStart : string.CompareOrdinal(one.Text, other.Text);
    }

    private (ModelOutcome, TimerModel) Changed(ModelRun run)
    {
        var others = Find(run.Id) is { } before ? _byStart.Remove(before) : _byStart;
        return (ModelOutcome.Changed, new TimerModel(_byId.SetItem(run.Id, run), others.Add(run), Version + 1));
    }
}
