namespace TimerSync.Infrastructure.Timers;

/// <summary>The two things that can be pressed.</summary>
internal enum TimerAction
{
    Start,
    Stop,
}

/// <summary>One valid press, its times already those of the server's clock.</summary>
/// <param name="Action">Which button.</param>
/// <param name="UserId">Whose timer.</param>
/// <param name="RunId">The run that it starts or stops.</param>
/// <param name="At">When it was pressed. UTC, whole milliseconds, never in the future.</param>
internal sealed record TimerCommand(TimerAction Action, string UserId, Guid RunId, DateTimeOffset At);

/// <summary>How a command ended.</summary>
internal enum CommandOutcome
{
    /// <summary>Something stored has changed, durably, and everybody was told.</summary>
    Changed,

    /// <summary>The command was there already; nothing changed.</summary>
    Repeated,

    /// <summary>A stop of an id that nobody has.</summary>
    UnknownTimer,

    /// <summary>The id is another user's.</summary>
    IdTaken,

    /// <summary>The database does not take it now. Sending it again later is safe.</summary>
    Unavailable,

    /// <summary>The database went away in the middle of the commit: stored or not, nobody knows, and neither is told.</summary>
    Unknown,
}

/// <param name="Outcome">How it ended.</param>
/// <param name="Snapshot">The user's current timer afterwards; null when the database was unavailable or went away.</param>
internal sealed record CommandResult(CommandOutcome Outcome, TimerSnapshot? Snapshot)
{
    public static readonly CommandResult Unavailable = new(CommandOutcome.Unavailable, null);
    public static readonly CommandResult Unknown = new(CommandOutcome.Unknown, null);
}
