namespace TimerSync.Infrastructure.Timers;

/// <summary>A command that was refused and changed nothing. Goes to its sender alone.</summary>
/// <param name="Code">One of <see cref="ErrorCodes"/>.</param>
/// <param name="Message">For a person: what is wrong, and what to do.</param>
/// <param name="Action">The command's action as it was sent; null where it could not be read.</param>
/// <param name="Id">The command's id, a UUID in lower case, else as it was sent; null where it could not be read.</param>
internal sealed record CommandError(string Code, string Message, string? Action, string? Id)
{
    /// <returns>Null for an outcome that is none: the command was stored, now or before.</returns>
    public static CommandError? From(CommandOutcome outcome, ClientMessage message) => outcome switch
    {
        CommandOutcome.UnknownTimer => message.Error(ErrorCodes.UnknownTimer, "You have no timer with this id: send its timer_start first."),
        CommandOutcome.IdTaken => message.Error(ErrorCodes.IdTaken, "This id belongs to another user: make a new one."),
        CommandOutcome.Unavailable => message.Error(ErrorCodes.Unavailable, "The server cannot store it now: send it again, with the same id, in a moment."),
        _ => null,
    };
}
