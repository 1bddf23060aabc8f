using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace TimerSync.Tests;

/// <summary>A program on the socket: sends objects, waits for events. Every wait has a limit.</summary>
public sealed class SocketClient : IAsyncDisposable
{
    public const string Json = "timersync.v1.json";
    public const string Html = "timersync.v1.html";

    private const int ReceiveBytes = 64 * 1024;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly byte[] _buffer = new byte[ReceiveBytes];

    private SocketClient(ClientWebSocket socket) => Socket = socket;

    public ClientWebSocket Socket { get; }

    public static Task<SocketClient> ConnectAsync(TimerSyncServer server, string? token, string? subprotocol = null) =>
        ConnectAsync(server, options =>
        {
            if (token is not null)
            {
                options.SetRequestHeader("Authorization", $"Bearer {token}");
            }

            if (subprotocol is not null)
            {
                options.AddSubProtocol(subprotocol);
            }
        });

    /// <summary>Connects with whatever headers a test is about.</summary>
    /// <exception cref="UpgradeRefusedException">The server answered with another status than 101.</exception>
    public static async Task<SocketClient> ConnectAsync(
        TimerSyncServer server, Action<ClientWebSocketOptions> configure, string query = "")
    {
        var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        configure(socket.Options);
        using var timeout = Limit();
        try
        {
            await socket.ConnectAsync(new Uri($"ws://{server.Address.Authority}/ws{query}"), timeout.Token);
        }
        catch (WebSocketException) when (socket.HttpStatusCode != default)
        {
            var status = (int)socket.HttpStatusCode;
            socket.Dispose();
            throw new UpgradeRefusedException(status);
        }

        return new SocketClient(socket);
    }

    public Task SendAsync(object message) => SendTextAsync(System.Text.Json.JsonSerializer.Serialize(message));

    public Task SendTextAsync(string message) => SendBytesAsync(Encoding.UTF8.GetBytes(message));

    /// <summary>Sends one frame.</summary>
    public async Task SendBytesAsync(
        ReadOnlyMemory<byte> bytes, WebSocketMessageType type = WebSocketMessageType.Text, bool endOfMessage = true)
    {
        using var timeout = Limit();
        await Socket.SendAsync(bytes, type, endOfMessage, timeout.Token);
    }

    public Task StartAsync(Guid id, DateTimeOffset? at = null) => SendAsync(new { action = "timer_start", id, started_at = at });

    public Task StopAsync(Guid id, DateTimeOffset? at = null) => SendAsync(new { action = "timer_stop", id, stopped_at = at });

    /// <summary>The next message, as text.</summary>
    /// <exception cref="SocketClosedException">The server closed instead.</exception>
    public async Task<string> ReceiveTextAsync()
    {
        using var timeout = Limit();
        var length = 0;
        while (true)
        {
            var part = await Socket.ReceiveAsync(_buffer.AsMemory(length), timeout.Token);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                throw new SocketClosedException((int?)Socket.CloseStatus, Socket.CloseStatusDescription);
            }

            length += part.Count;
            if (part.EndOfMessage)
            {
                return Encoding.UTF8.GetString(_buffer, 0, length);
            }
        }
    }

    /// <summary>The next event of the JSON subprotocol.</summary>
    public async Task<JsonNode> ReceiveAsync() => JsonNode.Parse(await ReceiveTextAsync())!;

    /// <summary>The payload of the next event, which must be of this name.</summary>
    public async Task<JsonNode> ReceiveAsync(string eventName)
    {
        var received = await ReceiveAsync();
        Assert.Equal(eventName, (string?)received["event"]);
        return received["payload"]!;
    }

    /// <summary>Reads until the server closes.</summary>
    /// <returns>The close code.</returns>
    public async Task<int?> ReceiveCloseAsync()
    {
        try
        {
            while (true)
            {
                await ReceiveTextAsync();
            }
        }
        catch (SocketClosedException closed)
        {
            return closed.Code;
        }
    }

    public ValueTask DisposeAsync()
    {
        Socket.Abort();
        Socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static CancellationTokenSource Limit()
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Timeout);
        return limit;
    }
}

/// <summary>The server closed the socket.</summary>
public sealed class SocketClosedException(int? code, string? reason) : Exception($"Closed with {code} {reason}")
{
    public int? Code { get; } = code;
}

/// <summary>The server did not upgrade.</summary>
public sealed class UpgradeRefusedException(int status) : Exception($"Answered with {status}")
{
    public int Status { get; } = status;
}
