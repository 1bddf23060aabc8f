using Microsoft.EntityFrameworkCore;
using TimerSync.Infrastructure.Backplane;
using TimerSync.Infrastructure.Database;

namespace TimerSync.Features.Logout;

/// <summary>Ends a login session: first durably, then on the sockets.</summary>
internal sealed class LogoutHandler(IDbContextFactory<TimerSyncDb> databases, IBackplane backplane)
{
    private static readonly string DeleteSession = EmbeddedSql.Load("DeleteSession.sql");

    /// <remarks>Not cancelled when the client goes away: it asked to be signed out.</remarks>
    public async Task HandleAsync(string userId, string sessionId)
    {
        await using var db = await databases.CreateDbContextAsync();
        await db.ExecuteAsync(DeleteSession, CancellationToken.None, ("id", sessionId));
        await backplane.EndSessionAsync(userId, sessionId);
    }
}
