using System.Collections.Concurrent;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>Who is connected: user to connections. Publishing takes no lock.</summary>
internal sealed class ConnectionHub
{
    /// <summary>Connections that are closed at once when the server goes down; the next so many follow a little later.</summary>
    public const int ClosedAtOnceMax = 500;

    /// <summary>However many there are: all are told within about a second, well inside the host's timeout.</summary>
    private const int ClosingWavesMax = 20;

    private static readonly TimeSpan ClosingWaveInterval = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, Connection[]> _connections = new(StringComparer.Ordinal);
    private bool _stopping;
    private DateTimeOffset _firstExpiry = DateTimeOffset.MaxValue;

    /// <summary>How many connections there are.</summary>
    public int Count { get; private set; }

    /// <summary>From now on the connection gets every event of its user.</summary>
    /// <param name="connection">The new one.</param>
    /// <param name="connectionsPerUserMax">With so many there already, it is closed with 4429.</param>
    /// <returns>False when it was closed instead.</returns>
    public bool TryAdd(Connection connection, int connectionsPerUserMax)
    {
        lock (_gate)
        {
            var others = _connections.GetValueOrDefault(connection.UserId, []);
            if (_stopping)
            {
                connection.Close(CloseCodes.ServiceRestart, "server going down");
                return false;
            }

            if (others.Length >= connectionsPerUserMax)
            {
                connection.Close(CloseCodes.TooMany, "too many connections");
                return false;
            }

            _connections[connection.UserId] = [.. others, connection];
            _firstExpiry = Min(_firstExpiry, connection.ExpiresAt);
            Count++;
            return true;
        }
    }

    public void Remove(Connection connection)
    {
        lock (_gate)
        {
            var all = _connections.GetValueOrDefault(connection.UserId, []);
            var left = Array.FindAll(all, other => other != connection);
            Count -= all.Length - left.Length;
            if (left.Length > 0)
            {
                _connections[connection.UserId] = left;
            }
            else
            {
                _connections.TryRemove(connection.UserId, out _);
            }
        }
    }

    /// <summary>Users who are connected, each with the version that all of their connections have got; -1 before the first.</summary>
    public IEnumerable<(string UserId, long Version)> PublishedVersions() =>
        _connections.Select(user => (user.Key, user.Value.Min(one => one.NewestVersion)));

    /// <summary>Whether a connection of the user is still to get this version or a newer one.</summary>
    public bool IsBehind(string userId, long version) =>
        _connections.TryGetValue(userId, out var connections) && Array.Exists(connections, one => one.NewestVersion < version);

    /// <summary>The login sessions of all connections; one may be there several times.</summary>
    public IEnumerable<(string UserId, string SessionId)> Sessions() =>
        _connections.Values.SelectMany(all => all).Select(one => (one.UserId, one.SessionId));

    /// <summary>
    /// Hands a committed change to every connection of its user, which ignores one that is not newer. Called by the writer's
    /// thread, and by the backplane for what another node has written.
    /// </summary>
    /// <param name="committed">The timer as it is now.</param>
    /// <param name="here">Whether this thread sends it, too; else others do.</param>
    public void Publish(TimerSnapshot committed, bool here = false)
    {
        if (_connections.TryGetValue(committed.UserId, out var connections))
        {
            var timer = new TimerUpdated(committed);
            foreach (var connection in connections)
            {
                connection.Publish(timer, here);
            }
        }
    }

    /// <summary>Closes every socket that was opened with a token of this login session.</summary>
    public void CloseSession(string userId, string sessionId)
    {
        foreach (var connection in _connections.GetValueOrDefault(userId, []).Where(one => one.SessionId == sessionId))
        {
            connection.Close(CloseCodes.LoginRequired, "logged out");
        }
    }

    /// <summary>
    /// Closes every socket whose token has expired. Looks at them only when one has: of 10,000 that takes 2 ms of everybody's time.
    /// </summary>
    public void CloseExpired(DateTimeOffset now)
    {
        lock (_gate)
        {
            if (now < _firstExpiry)
            {
                return;
            }

            _firstExpiry = DateTimeOffset.MaxValue;
            foreach (var connection in _connections.SelectMany(user => user.Value))
            {
                if (connection.ExpiresAt <= now)
                {
                    connection.Close(CloseCodes.LoginRequired, "token expired");
                }
                else
                {
                    _firstExpiry = Min(_firstExpiry, connection.ExpiresAt);
                }
            }
        }
    }

    /// <summary>Refuses newcomers and closes everybody, when the server goes down.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopping = true;
        }

        CloseAll("server going down");
    }

    /// <summary>
    /// Closes everybody with 1012: they come back, and start from what is there then. In waves, so that not all come back in
    /// the same moment.
    /// </summary>
    public void CloseAll(string reason)
    {
        Connection[] all = [.. _connections.Values.SelectMany(one => one)];
        var waves = all.Chunk(Math.Max(ClosedAtOnceMax, (all.Length + ClosingWavesMax - 1) / ClosingWavesMax)).ToList();
        if (waves.Count > 0)
        {
            Close(waves[0], reason);
            _ = CloseLaterAsync(waves.Skip(1), reason);
        }
    }

    private static DateTimeOffset Min(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    private static async Task CloseLaterAsync(IEnumerable<Connection[]> waves, string reason)
    {
        foreach (var wave in waves)
        {
            await Task.Delay(ClosingWaveInterval);
            Close(wave, reason);
        }
    }

    private static void Close(Connection[] connections, string reason)
    {
        foreach (var connection in connections)
        {
            connection.Close(CloseCodes.ServiceRestart, reason);
        }
    }
}
