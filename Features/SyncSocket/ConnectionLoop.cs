using System.Buffers;
using System.Data.Common;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// One connection's life: register, first snapshot, receive until it closes. Messages are handled one after the other, so
/// that answers keep the order of what caused them.
/// </summary>
internal sealed class ConnectionLoop(
    ConnectionHub hub,
    TimerWriter writer,
    ITimerReader reader,
    ILoginSessions sessions,
    IOptions<SocketOptions> options,
    PipeScheduler scheduler,
    TimeProvider clock,
    ILogger<Connection> logger)
{
    /// <summary>
    /// Of the connections that send more than the server can carry, how often one is closed: each that comes back costs as much
    /// as several commands, and they should not all go at once.
    /// </summary>
    private static readonly TimeSpan ShedInterval = TimeSpan.FromMilliseconds(50);

    private readonly SocketOptions _limits = options.Value;
    private long _lastShedAt;

    /// <param name="accepted">Upgraded; closed and disposed of in the end.</param>
    /// <param name="peerGone">Cancelled when the TCP connection has ended.</param>
    public Task RunAsync(AcceptedSocket accepted, CancellationToken peerGone)
    {
        var (socket, start, transport) = accepted;
        return RunAsync(socket, transport, new Connection(socket, start.Subprotocol, start.UserId, start.SessionId, start.ExpiresAt, scheduler, clock, logger), peerGone);
    }

    private async Task RunAsync(WebSocket socket, Socket? transport, Connection connection, CancellationToken peerGone)
    {
        using var disposedOf = socket;
        try
        {
            if (hub.TryAdd(connection, _limits.ConnectionsPerUser))
            {
                await SendFirstSnapshotAsync(connection);
            }

            await ReceiveAsync(socket, transport, connection);
        }
        catch (WebSocketException exception) when (exception.WebSocketErrorCode == WebSocketError.Faulted)
        {
            // What RFC 6455 forbids, such as text that is not UTF-8. The framework has sent a close frame (1007, 1002): cutting
            // the connection at once could overtake it.
            hub.Remove(connection);
            await Task.Delay(Connection.CloseTimeout, clock, peerGone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The peer is gone.
        }
        finally
        {
            hub.Remove(connection);
            connection.Close(CloseCodes.Normal, "");
            await connection.Finished;
        }
    }

    /// <summary>
    /// Registered first, read then: a change in between is held until the read is there, and sent if it is newer. The session
    /// is looked up once more for the same reason: a logout since the token was checked did not see this connection.
    /// </summary>
    private async Task SendFirstSnapshotAsync(Connection connection)
    {
        try
        {
            if (!await sessions.ExistsAsync(connection.SessionId, connection.UserId, CancellationToken.None))
            {
                connection.Close(CloseCodes.LoginRequired, "logged out");
                return;
            }

            connection.Open(new TimerUpdated(await reader.ReadAsync(connection.UserId, CancellationToken.None)));
        }
        catch (DbException)
        {
            connection.Close(CloseCodes.ServiceRestart, "database unavailable"); // the client tries again
        }
    }

    private async Task ReceiveAsync(WebSocket socket, Socket? transport, Connection connection)
    {
        var commands = new TokenBucket(_limits.CommandsPerSecond, _limits.CommandBurst, clock);
        var refusals = new TokenBucket(_limits.CommandsPerSecond, _limits.CommandBurst, clock);
        var backlog = new Backlog(_limits.CommandBurst, transport, clock);
        while (true)
        {
            // Without a buffer until something arrives: most connections are idle most of the time.
            var arrived = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
            if (arrived.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            var buffer = ArrayPool<byte>.Shared.Rent(ClientMessage.BytesMax + 1);
            try
            {
                var (length, type) = await ReceiveMessageAsync(socket, buffer.AsMemory(0, ClientMessage.BytesMax + 1), arrived);
                if (type == WebSocketMessageType.Close)
                {
                    return;
                }

                if (length > ClientMessage.BytesMax)
                {
                    connection.Close(CloseCodes.MessageTooBig, $"a message has at most {ClientMessage.BytesMax} bytes");
                }

                if (connection.IsClosing) // by us: refused, logged out, expired, too much. Nothing more is done for this peer.
                {
                    await DiscardAsync(socket, buffer);
                    return;
                }

                var (isLate, isLateAgain) = backlog.Handle(length);
                if (!isLate && commands.TryTake())
                {
                    await HandleAsync(connection, buffer.AsMemory(0, length), type);
                }
                else if (!(isLateAgain && TryShed()) && refusals.TryTake())
                {
                    connection.Answer(new ErrorEvent(Parse(connection, buffer.AsSpan(0, length), type).Error(
                        ErrorCodes.RateLimited,
                        isLate ? "More than the server can carry: slow down." : $"More than {_limits.CommandsPerSecond} messages a second: slow down.")));
                }
                else
                {
                    connection.Close(CloseCodes.TooMany, "flood");
                    await DiscardAsync(socket, buffer);
                    return;
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            await connection.WaitForRoomAsync();
        }
    }

    private bool TryShed()
    {
        var last = Volatile.Read(ref _lastShedAt);
        var now = clock.GetTimestamp();
        return clock.GetElapsedTime(last, now) >= ShedInterval && Interlocked.CompareExchange(ref _lastShedAt, now, last) == last;
    }

    /// <summary>Reads the rest of a message whose first, empty part has been received.</summary>
    /// <returns>Its length; more than fits means that it is too long.</returns>
    private static async ValueTask<(int Length, WebSocketMessageType Type)> ReceiveMessageAsync(
        WebSocket socket, Memory<byte> buffer, ValueWebSocketReceiveResult part)
    {
        var length = 0;
        while (!part.EndOfMessage && part.MessageType != WebSocketMessageType.Close && length < buffer.Length)
        {
            part = await socket.ReceiveAsync(buffer[length..], CancellationToken.None);
            length += part.Count;
        }

        return (length, part.MessageType);
    }

    /// <summary>Reads on until the peer has closed too: a socket that is cut with bytes unread would lose the close frame.</summary>
    private static async Task DiscardAsync(WebSocket socket, Memory<byte> buffer)
    {
        while ((await socket.ReceiveAsync(buffer, CancellationToken.None)).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))] // one for each command otherwise
    private async ValueTask HandleAsync(Connection connection, ReadOnlyMemory<byte> utf8, WebSocketMessageType type)
    {
        var message = Parse(connection, utf8.Span, type);
        if (message.Refusal is not null)
        {
            connection.Answer(new ErrorEvent(message.Refusal));
            return;
        }

        if (message.Command is null)
        {
            connection.Answer(new Pong(message.PingSentAt, clock.GetUtcNowMilliseconds()));
            return;
        }

        var result = await writer.WriteAsync(message.Command);
        if (CommandError.From(result.Outcome, message) is { } error)
        {
            connection.Answer(new ErrorEvent(error));
        }
        else if (result.Outcome == CommandOutcome.Repeated)
        {
            connection.Answer(new TimerUpdated(result.Snapshot!)); // a change has been sent to everybody, this one included
        }
        else if (result.Outcome == CommandOutcome.Unknown)
        {
            connection.Close(CloseCodes.ServiceRestart, "database unavailable"); // an error would say that nothing has changed
        }
    }

    private ClientMessage Parse(Connection connection, ReadOnlySpan<byte> utf8, WebSocketMessageType type) =>
        type == WebSocketMessageType.Text
            ? ClientMessage.Parse(utf8, connection.UserId, clock.GetUtcNowMilliseconds())
            : ClientMessage.NotText();
}

/// <summary>What a connection keeps of the request that opened it.</summary>
/// <param name="Subprotocol">The granted one.</param>
/// <param name="UserId">Of the token.</param>
/// <param name="SessionId">Of the token.</param>
/// <param name="ExpiresAt">When the token expires.</param>
internal sealed record ConnectionStart(ISubprotocol Subprotocol, string UserId, string SessionId, DateTimeOffset ExpiresAt);
