namespace TimerSync.Infrastructure.Auth;

/// <summary>Looks up login sessions; any thread.</summary>
internal interface ILoginSessions
{
    /// <returns>Whether the session still is: false once its person has logged out.</returns>
    /// <exception cref="System.Data.Common.DbException">The database did not answer.</exception>
    Task<bool> ExistsAsync(string sessionId, string userId, CancellationToken cancellationToken);
}
