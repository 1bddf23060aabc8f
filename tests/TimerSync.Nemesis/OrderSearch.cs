using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace TimerSync.Nemesis;

/// <summary>
/// Looks for an order of a user's commands that the model allows and that explains every version that was seen, every answer,
/// and the database in the end.
/// </summary>
/// <remarks>
/// From one version to the next it tries the change that is due first, which is optimal where changes commute; of equals, a
/// stop that an earlier one can stand for comes last. It turns back as soon as, up to some version, more changes are due than
/// there are versions, or fewer are possible (Hall's condition, both ways).
/// </remarks>
internal sealed class OrderSearch
{
    /// <summary>Past this the answer is "undecided", which counts as a violation.</summary>
    private const int StepsMax = 1_000_000;

    private readonly History _history;
    private readonly StoredTimer _stored;
    private readonly List<RunChanges> _runs;
    private readonly ILookup<long, Operation> _confirmedBy;

    // A version and the runs' changes until then decide all that may follow: where these led nowhere once, they need not be tried again.
    private readonly HashSet<(long Version, UInt128 Counts)> _tried = [];

    public OrderSearch(History history, StoredTimer stored)
    {
        (_history, _stored) = (history, stored);
        var commands = history.Operations.ToLookup(one => one.RunId);
        _runs = [.. stored.Rows.Values.Select(row => new RunChanges([.. commands[row.Id]], history, row, stored.Version))];
        _confirmedBy = history.Operations.Where(one => one.Outcome == Outcome.Ok && one.MustBeRefusedAs is null)
            .ToLookup(one => Math.Min(one.VersionAfter, stored.Version));
    }

    /// <returns>Why there is no such order; null when there is one.</returns>
    public string? WhyNone()
    {
        var path = new Stack<(TimerModel Model, IEnumerator<Choice> Choices)>();
        path.Push((TimerModel.Empty, Choices(TimerModel.Empty, new int[_runs.Count])));
        var furthest = TimerModel.Empty;
        for (var steps = 0; path.Count > 0; steps++)
        {
            var (model, choices) = path.Peek();
            furthest = model.Version > furthest.Version ? model : furthest;
            if (model.Version == _stored.Version && Fits(model) && IsEnd(model))
            {
                return null;
            }

            if (steps == StepsMax)
            {
                return $"undecided after {steps} steps at version {furthest.Version}";
            }

            if (!choices.MoveNext())
            {
                path.Pop();
            }
            else if (_tried.Add((choices.Current.Next.Version, Digest(choices.Current.Counts))))
            {
                path.Push((choices.Current.Next, Choices(choices.Current.Next, choices.Current.Counts)));
            }
        }

        return $"no order explains version {furthest.Version + 1}, seen as {_history.States.GetValueOrDefault(furthest.Version + 1)}, after {furthest.Current}; "
            + $"the database is at {_stored.Version}; confirmed by then and not stored: {string.Join("; ", _confirmedBy[furthest.Version].Where(one => !IsStored(one, furthest)))}";
    }

    private static UInt128 Digest(int[] counts) => BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(MemoryMarshal.AsBytes<int>(counts)));

    /// <summary>What may have become the next version, the likeliest first; nothing after a model that cannot be right.</summary>
    /// <param name="model">Until now.</param>
    /// <param name="counts">How many of its changes each run has behind it, those that were left out among them.</param>
    private IEnumerator<Choice> Choices(TimerModel model, int[] counts) =>
        (model.Version < _stored.Version && Fits(model) && HasRoom(model.Version, counts) ? Possible(model, counts) : [])
            .OrderBy(one => one.Due).ThenBy(one => one.CanBeLeftOut).GetEnumerator();

    private IEnumerable<Choice> Possible(TimerModel model, int[] counts)
    {
        var seen = _history.States.GetValueOrDefault(model.Version + 1);
        for (var run = 0; run < counts.Length; run++)
        {
            var changes = _runs[run].InOrder;
            var due = long.MaxValue;
            for (var i = counts[run]; i < changes.Count && (i == 0 || counts[run] > 0); i++)
            {
                due = Math.Min(due, changes[i].Due);
                if (changes[i].After <= model.Version && changes[i].Due > model.Version)
                {
                    var next = Apply(model, changes[i]);
                    if (!ReferenceEquals(next, model) && (seen is null || Shows(seen, next)))
                    {
                        int[] then = [.. counts];
                        then[run] = i + 1;
                        yield return new Choice(next, then, due, CanBeLeftOut: i > 0 && i < changes.Count - 1);
                    }
                }
            }
        }
    }

    /// <summary>Whether a version is left for all that is due, and something for each version that is left.</summary>
    private bool HasRoom(long version, int[] counts)
    {
        var (due, possible) = (new int[_stored.Version + 1], new int[_stored.Version + 1]);
        for (var run = 0; run < counts.Length; run++)
        {
            var (startDue, stopDue) = _runs[run].Missing(counts[run]);
            foreach (var missing in new[] { startDue, stopDue })
            {
                if (missing <= version)
                {
                    return false;
                }

                if (missing is { } by)
                {
                    due[by]++;
                }
            }

            foreach (var change in _runs[run].InOrder.Skip(counts[run]))
            {
                possible[Math.Min(Math.Max(change.After, version) + 1, _stored.Version)]++;
            }
        }

        var (needed, there) = (0L, 0L);
        for (var by = version + 1; by <= _stored.Version; by++)
        {
            needed += due[by];
            there += possible[by];
            if (needed > by - version || there < by - version)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether nothing is overdue: what was confirmed by now has been stored.</summary>
    private bool Fits(TimerModel model) => _confirmedBy[model.Version].All(one => IsStored(one, model));

    private static bool IsStored(Operation operation, TimerModel model) =>
        model.Runs.TryGetValue(operation.RunId, out var run)
        && (operation.Kind == OperationKind.Start || run.StoppedAt <= Math.Max(operation.StoredAt, run.StartedAt));

    private bool IsEnd(TimerModel model) =>
        model.Runs.Count == _stored.Rows.Count
        && _stored.Rows.Values.All(row => model.Runs.TryGetValue(row.Id, out var run) && run == new ModelRun(row.Id, row.StartedAt, row.StoppedAt));

    private static TimerModel Apply(TimerModel model, Change change) => change.Kind == OperationKind.Start
        ? model.Start(change.RunId, change.At)
        : model.Stop(change.RunId, change.At);

    private static bool Shows(State seen, TimerModel model) =>
        seen.Id == model.Current?.Id && seen.StartedAt == model.Current?.StartedAt && seen.StoppedAt == model.Current?.StoppedAt
        && seen.IsRunning == (model.Current is { StoppedAt: null });

    /// <summary>A change that may come next, and what the runs have behind them then; <c>Due</c> is the soonest of all that it stands for.</summary>
    private readonly record struct Choice(TimerModel Next, int[] Counts, long Due, bool CanBeLeftOut);
}
