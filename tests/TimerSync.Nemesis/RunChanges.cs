namespace TimerSync.Nemesis;

/// <summary>A start or a stop of a run that became a version, if it did, after <c>After</c> and not after <c>Due</c>.</summary>
internal sealed record Change(Guid RunId, OperationKind Kind, long At, long After, long Due);

/// <summary>
/// The changes that a run can have had, in their order: its start, then stops, each earlier than the one before, down to the
/// one that the database holds. A stop in between may be left out: an earlier one came first, and it changed nothing.
/// </summary>
/// <remarks>
/// Several commands can be one change, because they say the same. It is due with the first of them that was confirmed, and can
/// have come as soon as the first of them was sent. Together these leave no gap: a confirmed one that was sent before it was due
/// is confirmed when it is due or later. What was seen of the timer narrows it further.
/// </remarks>
internal sealed class RunChanges
{
    private readonly History _history;
    private readonly StoredRow _row;
    private readonly long _newest;

    /// <param name="commands">All that name this run.</param>
    /// <param name="history">What was seen.</param>
    /// <param name="row">What the database holds in the end.</param>
    /// <param name="newest">The user's last version: nothing is due later.</param>
    public RunChanges(IReadOnlyCollection<Operation> commands, History history, StoredRow row, long newest)
    {
        (_history, _row, _newest) = (history, row, newest);
        var confirmed = commands.Where(one => one.Outcome == Outcome.Ok && one.MustBeRefusedAs is null).ToList();
        var possible = commands.Where(one => one.InvokedAt is not null && one.Outcome != Outcome.Refused && one.MustBeRefusedAs is null).ToList();
        var stops = possible.Where(one => one.Kind == OperationKind.Stop && StopOf(one) >= row.StoppedAt)
            .GroupBy(StopOf).OrderByDescending(same => same.Key)
            .Select(same => Stop(same.Key, [.. same])).ToList();

        // A stop in between that nobody had confirmed or seen may never have been.
        var stopDue = stops.Where(one => one.Due < newest || one.At == row.StoppedAt).Select(one => one.Due).DefaultIfEmpty(newest + 1).Min();
        var start = Start(
            possible.Where(one => one.Kind == OperationKind.Start && one.StoredAt == row.StartedAt).ToList(),
            commands.Where(one => one.Refusal == "unknown_timer"),
            Math.Min(Due(confirmed), stopDue - 1));
        InOrder = [start, .. stops];
    }

    public IReadOnlyList<Change> InOrder { get; }

    /// <summary>What this run still needs after its first <paramref name="count"/> changes: when the start, and when the stop, are due; null what it needs no more.</summary>
    public (long? StartDue, long? StopDue) Missing(int count) => (
        count == 0 ? InOrder[0].Due : null,
        _row.StoppedAt is null || count == InOrder.Count ? null : InOrder.Skip(Math.Max(count, 1)).Min(one => one.Due));

    private long StopOf(Operation stop) => Math.Max(stop.StoredAt, _row.StartedAt);

    private long Due(IEnumerable<Operation> commands) =>
        commands.Where(one => one.Outcome == Outcome.Ok).Select(one => one.VersionAfter).Append(_newest).Min();

    private Change Start(List<Operation> starts, IEnumerable<Operation> refusedStops, long due)
    {
        var run = new ModelRun(_row.Id, _row.StartedAt, StoppedAt: null);
        var seenWithout = _history.States.Where(seen => seen.Value.Id is not { } id || TimerModel.IsLater(run, new ModelRun(id, seen.Value.StartedAt!.Value, StoppedAt: null)));
        var seen = _history.States.Where(seen => seen.Value.Id == _row.Id);
        return new Change(
            _row.Id, OperationKind.Start, _row.StartedAt,
            seenWithout.Select(one => one.Key).Concat(refusedStops.Select(one => one.VersionBefore))
                .Append(starts.Select(one => one.VersionBefore).DefaultIfEmpty(_newest).Min()).Max(),
            seen.Select(one => one.Key).Append(due).Min());
    }

    private Change Stop(long at, List<Operation> same)
    {
        var seen = _history.States.Where(seen => seen.Value.Id == _row.Id).ToLookup(seen => seen.Value.StoppedAt <= at, seen => seen.Key);
        return new Change(
            _row.Id, OperationKind.Stop, at,
            seen[false].Append(same.Min(one => one.VersionBefore)).Max(),
            seen[true].Append(Due(same)).Min());
    }
}
