using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;

namespace TimerSync.Nemesis;

/// <summary>One open socket of a device. Whatever arrives is recorded in the user's history at once.</summary>
internal sealed class Socket : IAsyncDisposable
{
    private const int MessageBytesMax = 16 * 1024;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<Receipt> _receipts = Channel.CreateUnbounded<Receipt>();
    private readonly History _history;
    private readonly string _name;
    private readonly string _subprotocol;
    private List<WireError> _errors = [];
    private Task _receiving = Task.CompletedTask;
    private long _pings;

    private Socket(History history, string name, string subprotocol) => (_history, _name, _subprotocol) = (history, name, subprotocol);

    /// <summary>What a pong confirms: everything that was sent before its ping.</summary>
    /// <param name="Ping">The ping's number.</param>
    /// <param name="Version">The newest version that this socket had seen by then.</param>
    /// <param name="Errors">The errors that came before it, since the last pong.</param>
    public sealed record Receipt(long Ping, long Version, IReadOnlyList<WireError> Errors);

    /// <summary>The newest snapshot here; null before the first.</summary>
    public Snapshot? Newest { get; private set; }

    public bool IsOpen => !_ended.IsCancellationRequested && _socket.State == WebSocketState.Open;

    /// <returns>Null when the server could not be reached.</returns>
    public static async Task<Socket?> OpenAsync(Uri server, Account account, History history, string name, string subprotocol)
    {
        var opened = new Socket(history, name, subprotocol);
        opened._socket.Options.SetRequestHeader("Authorization", $"Bearer {account.Token}");
        opened._socket.Options.AddSubProtocol(subprotocol);
        opened._socket.Options.KeepAliveInterval = TimeSpan.Zero;
        var newestBefore = history.NewestVersion;
        try
        {
            using var timeout = new CancellationTokenSource(ConnectTimeout);
            await opened._socket.ConnectAsync(new Uri($"ws://{server.Authority}/ws"), timeout.Token);
            opened._receiving = opened.ReceiveAsync(newestBefore);
            return opened;
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            await opened.DisposeAsync();
            return null;
        }
    }

    /// <returns>False when the socket is broken.</returns>
    public async Task<bool> SendAsync(string message)
    {
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, _ended.Token);
            return true;
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Sends a ping and waits for its pong.</summary>
    /// <returns>Null when it did not come in time, or the socket broke.</returns>
    public async Task<Receipt?> PingAsync(TimeSpan timeout)
    {
        var number = ++_pings;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        limit.CancelAfter(timeout);
        if (!await SendAsync(WireFormat.WritePing(number)))
        {
            return null;
        }

        try
        {
            while (true)
            {
                var receipt = await _receipts.Reader.ReadAsync(limit.Token);
                if (receipt.Ping == number)
                {
                    return receipt;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ChannelClosedException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _socket.Abort();
        await _receiving;
        _socket.Dispose();
    }

    private async Task ReceiveAsync(long newestBefore)
    {
        var buffer = new byte[MessageBytesMax];
        var length = 0;
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer.AsMemory(length), _ended.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                length += part.Count;
                if (part.EndOfMessage)
                {
                    Handle(WireFormat.Read(_subprotocol, Encoding.UTF8.GetString(buffer, 0, length)), newestBefore);
                    length = 0;
                }
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The network, the server, or we have ended it.
        }
        catch (Exception exception)
        {
            _history.Violate($"{_name} cannot read what the server sends: {exception}");
        }

        _receipts.Writer.TryComplete();
        await _ended.CancelAsync();
    }

    private void Handle(ServerMessage message, long newestBefore)
    {
        if (message.Timer is { } timer)
        {
            _history.See(_name, timer, atLeast: Newest?.Version ?? newestBefore);
            Newest = timer;
        }
        else if (Newest is null)
        {
            _history.Violate($"{_name} got {message} before its first snapshot");
        }
        else if (message.Error is { } error)
        {
            _errors.Add(error);
        }
        else
        {
            _receipts.Writer.TryWrite(new Receipt(message.Pong!.Value, Newest?.Version ?? 0, _errors));
            _errors = [];
        }
    }
}
