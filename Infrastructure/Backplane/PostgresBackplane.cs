using System.Data.Common;
using Microsoft.Extensions.Options;
using Npgsql;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Database.Postgres;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Infrastructure.Backplane;

/// <summary>
/// Several nodes on one PostgreSQL. LISTEN/NOTIFY is a hint that something is to be read; the tables are the truth. A poll
/// beside it reads what a lost hint would have said: that costs about <see cref="PollInterval"/>, never correctness.
/// </summary>
internal sealed partial class PostgresBackplane(
    NpgsqlDataSource database,
    IOptions<DatabaseOptions> options,
    BackplaneReader reader,
    ConnectionHub hub,
    ILogger<PostgresBackplane> logger) : BackgroundService, IBackplane
{
    /// <summary>How often a node reads, unasked, what its connected users may have missed, and gives its listener a sign of life.</summary>
    public static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    /// <summary>A listener that has not heard even its own node's sign of life for so long is dead, whatever TCP says.</summary>
    public static readonly TimeSpan ListenerSilenceMax = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _hinted = new(0);
    private readonly SemaphoreSlim _pollNow = new(0);

    // Guarded by _gate. Of connected users only, so that it is bounded by them.
    private Dictionary<string, long> _hints = new(StringComparer.Ordinal);

    private bool _isListening = true;
    private bool _isPolling = true;

    public async Task EndSessionAsync(string userId, string sessionId)
    {
        hub.CloseSession(userId, sessionId);
        try
        {
            await using var notify = database.CreateCommand("SELECT pg_notify(@channel, @payload)");
            notify.Parameters.AddWithValue("channel", BackplaneMessage.Channel);
            notify.Parameters.AddWithValue("payload", BackplaneMessage.OfSession(userId, sessionId));
            await notify.ExecuteNonQueryAsync();
        }
        catch (DbException exception)
        {
            LogHintNotSent(exception); // the session's row is gone: the other nodes' polls see that
        }
    }

    public override void Dispose()
    {
        _hinted.Dispose();
        _pollNow.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(ListenAsync(stoppingToken), ReadHintedAsync(stoppingToken), PollAsync(stoppingToken));

    /// <summary>LISTEN first, then a poll: what was committed while nobody listened is read, and nothing falls in between.</summary>
    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = PostgresSettings.CreateOwnConnection(options.Value.ConnectionString, "listener");
                connection.Notification += (_, notification) => Hear(notification.Payload);
                await connection.OpenAsync(stoppingToken);
                await using (var listen = new NpgsqlCommand($"LISTEN {BackplaneMessage.Channel}", connection))
                {
                    await listen.ExecuteNonQueryAsync(stoppingToken);
                }

                _pollNow.Release();
                IsListening(true, null);
                while (await connection.WaitAsync(ListenerSilenceMax, stoppingToken))
                {
                }

                IsListening(false, null);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                IsListening(false, exception);
            }

            await Task.Delay(ReconnectDelay, stoppingToken);
        }
    }

    private void Hear(string payload)
    {
        var words = payload.Split(' ');
        if (words is not [var kind, var node, .. var rest] || node == BackplaneMessage.Node)
        {
            return; // a node's own changes have been published by its writer
        }

        switch (kind)
        {
            case BackplaneMessage.Timers:
                Remember(rest);
                break;
            case BackplaneMessage.SessionEnded when rest is [var userId, var sessionId]:
                hub.CloseSession(userId, sessionId);
                break;
        }
    }

    private void Remember(string[] words)
    {
        lock (_gate)
        {
            var before = _hints.Count;
            foreach (var word in words)
            {
                if (BackplaneMessage.TryReadVersion(word, out var userId, out var version) && hub.IsBehind(userId, version))
                {
                    _hints[userId] = Math.Max(version, _hints.GetValueOrDefault(userId));
                }
            }

            if (before == 0 && _hints.Count > 0)
            {
                _hinted.Release();
            }
        }
    }

    private async Task ReadHintedAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _hinted.WaitAsync(stoppingToken);
            Dictionary<string, long> hints;
            lock (_gate)
            {
                (hints, _hints) = (_hints, new Dictionary<string, long>(StringComparer.Ordinal));
            }

            try
            {
                await reader.PublishNewerAsync(hints.Select(hint => (hint.Key, hint.Value - 1)), stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogHintsNotRead(exception); // the poll reads them
            }
        }
    }

    private async Task PollAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _pollNow.WaitAsync(_isPolling ? PollInterval : ReconnectDelay, stoppingToken);
            try
            {
                await reader.CheckAsync(stoppingToken);
                await reader.PublishNewerAsync(hub.PublishedVersions(), stoppingToken);
                await reader.CloseEndedSessionsAsync(stoppingToken);
                IsPolling(true, null);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                IsPolling(false, exception);
            }
        }
    }

    private void IsListening(bool isListening, Exception? exception)
    {
        if (isListening != _isListening)
        {
            _isListening = isListening;
            if (isListening)
            {
                LogListeningAgain();
            }
            else
            {
                LogListenerLost(exception);
            }
        }
    }

    private void IsPolling(bool isPolling, Exception? exception)
    {
        if (isPolling != _isPolling)
        {
            _isPolling = isPolling;
            if (isPolling)
            {
                LogPollingAgain();
            }
            else
            {
                LogPollFailed(exception);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "A hint for the other nodes could not be sent")]
    private partial void LogHintNotSent(Exception exception);

    [LoggerMessage(LogLevel.Warning, "Changes of other nodes could not be read at once")]
    private partial void LogHintsNotRead(Exception exception);

    [LoggerMessage(LogLevel.Warning, "The connection that listens to the other nodes is lost")]
    private partial void LogListenerLost(Exception? exception);

    [LoggerMessage(LogLevel.Information, "Listening to the other nodes again")]
    private partial void LogListeningAgain();

    [LoggerMessage(LogLevel.Warning, "The database cannot be polled")]
    private partial void LogPollFailed(Exception? exception);

    [LoggerMessage(LogLevel.Information, "Polling the database again")]
    private partial void LogPollingAgain();
}
