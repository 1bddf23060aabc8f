using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Infrastructure.Backplane;

/// <summary>
/// Tells all nodes what has happened durably on one of them. Committed timers are told by the store, in their own
/// transaction; what a lost message would have said, a node finds in the tables about a second later.
/// </summary>
internal interface IBackplane
{
    /// <summary>Closes the sockets of a login session that has been deleted, here before it returns, elsewhere soon.</summary>
    Task EndSessionAsync(string userId, string sessionId);
}

/// <summary>For the one node that SQLite serves.</summary>
internal sealed class InProcessBackplane(ConnectionHub hub) : IBackplane
{
    public Task EndSessionAsync(string userId, string sessionId)
    {
        hub.CloseSession(userId, sessionId);
        return Task.CompletedTask;
    }
}
