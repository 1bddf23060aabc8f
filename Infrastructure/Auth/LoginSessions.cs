using System.Data.Common;
using TimerSync.Infrastructure.Database;

namespace TimerSync.Infrastructure.Auth;

/// <summary>Whether a token's login session still is: a row that logging out deletes, so that revocation survives a restart.</summary>
internal sealed class LoginSessions(DbDataSource database) : ILoginSessions
{
    private static readonly string SelectSession = EmbeddedSql.Load("SelectSession.sql");

    public async Task<bool> ExistsAsync(string sessionId, string userId, CancellationToken cancellationToken) =>
        (await database.QueryAsync(SelectSession, static row => row.GetInt64(0), cancellationToken, ("id", sessionId), ("user_id", userId))).Count > 0;
}
