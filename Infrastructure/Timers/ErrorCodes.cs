namespace TimerSync.Infrastructure.Timers;

/// <summary>The contract's error codes (CONTRACT.md, section 3) and the HTTP status each has on <c>POST /timers</c>.</summary>
internal static class ErrorCodes
{
    /// <summary>Not JSON, wrong types, a bad UUID or a bad time.</summary>
    public const string BadRequest = "bad_request";

    /// <summary>No such action.</summary>
    public const string UnknownAction = "unknown_action";

    /// <summary>A stop of an id that the user does not have.</summary>
    public const string UnknownTimer = "unknown_timer";

    /// <summary>The id is another user's.</summary>
    public const string IdTaken = "id_taken";

    /// <summary>The command names another user than the token.</summary>
    public const string WrongUser = "wrong_user";

    /// <summary>Too many commands; the one answered so changed nothing.</summary>
    public const string RateLimited = "rate_limited";

    /// <summary>The database does not take it now.</summary>
    public const string Unavailable = "unavailable";

    public static int HttpStatus(string code) => code switch
    {
        WrongUser => StatusCodes.Status403Forbidden,
        UnknownTimer => StatusCodes.Status404NotFound,
        IdTaken => StatusCodes.Status409Conflict,
        RateLimited => StatusCodes.Status429TooManyRequests,
        Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status400BadRequest,
    };
}
