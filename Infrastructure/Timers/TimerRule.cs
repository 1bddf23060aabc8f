namespace TimerSync.Infrastructure.Timers;

/// <summary>
/// The one rule that decides every conflict (CONTRACT.md, section 3): <i>a run ends when it is stopped or when the user's
/// next run starts, whichever is first; the current timer is the run that started last.</i> Pure: no clock, no database,
/// and the state it leads to does not depend on the order in which commands arrive.
/// </summary>
internal static class TimerRule
{
    /// <summary>Orders a user's runs: by start; ties go to the greater id, compared as its lower-case text.</summary>
    /// <remarks><see cref="Guid.CompareTo(Guid)"/> orders exactly as the ordinal order of that text.</remarks>
    public static int Compare(Run left, Run right)
    {
        var byStart = left.StartedAt.CompareTo(right.StartedAt);
        return byStart != 0 ? byStart : left.Id.CompareTo(right.Id);
    }

    /// <summary>When a run really ended: at its stop or at the start of the user's next run, whichever is first.</summary>
    /// <returns>Null while it runs.</returns>
    public static DateTimeOffset? EffectiveEnd(Run run, Run? next) =>
        next is null || run.StoppedAt <= next.StartedAt ? run.StoppedAt : next.StartedAt;

    /// <summary>Only a user's current run can be running: every other one has been followed by a next run.</summary>
    public static TimerStatus StatusOf(Run? current) =>
        current is { StoppedAt: null } ? TimerStatus.Running : TimerStatus.Stopped;

    /// <summary>Decides one command.</summary>
    /// <param name="command">What was pressed.</param>
    /// <param name="existing">The stored run with the command's id, whoever's it is; null if there is none.</param>
    /// <param name="current">The user's current run; null if there never was one.</param>
    /// <param name="now">Becomes <see cref="Run.UpdatedAt"/> of what changes.</param>
    public static Decision Decide(TimerCommand command, StoredRun? existing, Run? current, DateTimeOffset now)
    {
        if (existing is not null && existing.UserId != command.UserId)
        {
            return Decision.Nothing(CommandOutcome.IdTaken, current);
        }

        return command.Action switch
        {
            TimerAction.Start => Start(command, existing?.Run, current, now),
            TimerAction.Stop => Stop(command, existing?.Run, current, now),
            _ => throw new ArgumentOutOfRangeException(nameof(command), command.Action, "Not an action of the contract."),
        };
    }

    private static Decision Start(TimerCommand command, Run? existing, Run? current, DateTimeOffset now)
    {
        if (existing is not null)
        {
            return Decision.Nothing(CommandOutcome.Repeated, current);
        }

        var started = new Run(command.RunId, command.At, StoppedAt: null, now);
        if (current is not null && Compare(started, current) < 0)
        {
            // It started before the current one, which has cut it short: kept as pressed, but never shown as running.
            return new Decision(CommandOutcome.Changed, Changed: started, Superseded: null, current);
        }

        var superseded = StatusOf(current) == TimerStatus.Running ? current! with { UpdatedAt = now } : null;
        return new Decision(CommandOutcome.Changed, Changed: started, superseded, Current: started);
    }

    private static Decision Stop(TimerCommand command, Run? existing, Run? current, DateTimeOffset now)
    {
        if (existing is null)
        {
            return Decision.Nothing(CommandOutcome.UnknownTimer, current);
        }

        var stoppedAt = command.At < existing.StartedAt ? existing.StartedAt : command.At;
        if (existing.StoppedAt <= stoppedAt)
        {
            return Decision.Nothing(CommandOutcome.Repeated, current); // of two stops the earlier counts
        }

        var stopped = existing with { StoppedAt = stoppedAt, UpdatedAt = now };
        return new Decision(CommandOutcome.Changed, Changed: stopped, Superseded: null,
            Current: existing.Id == current?.Id ? stopped : current);
    }
}

/// <summary>A stored run together with its owner.</summary>
internal sealed record StoredRun(string UserId, Run Run);

/// <summary>What <see cref="TimerRule.Decide"/> decided, to be stored in one transaction.</summary>
/// <param name="Outcome">What the sender is told.</param>
/// <param name="Changed">The run to store; null when nothing changes.</param>
/// <param name="Superseded">The run that was running until <paramref name="Changed"/> started; its status must follow.</param>
/// <param name="Current">The user's current run afterwards.</param>
internal readonly record struct Decision(CommandOutcome Outcome, Run? Changed, Run? Superseded, Run? Current)
{
    public static Decision Nothing(CommandOutcome outcome, Run? current) => new(outcome, null, null, current);
}
