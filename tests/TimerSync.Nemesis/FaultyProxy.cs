using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace TimerSync.Nemesis;

/// <summary>
/// A network that fails: it stops passing bytes on without closing anything, loses clients without telling the server,
/// cuts all connections, or is slow throughout.
/// </summary>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private const int SlowBytesPerStep = 256;
    private const int SlowReceiveBufferBytes = 2048;

    private static readonly TimeSpan SlowStep = TimeSpan.FromMilliseconds(50);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, byte> _clients = new();
    private readonly ConcurrentBag<TcpClient> _lost = [];
    private readonly CancellationTokenSource _ended = new();
    private readonly int _serverPort;
    private readonly bool _isSlow;
    private readonly Task _accepting;
    private volatile TaskCompletionSource _flowing = new();

    public FaultyProxy(int serverPort, bool isSlow = false)
    {
        (_serverPort, _isSlow) = (serverPort, isSlow);
        _flowing.SetResult();
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>From now on nothing is passed on, and a client that leaves is not missed by the server.</summary>
    public void BlackHole() => _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Flow() => _flowing.TrySetResult();

    /// <summary>Resets every connection.</summary>
    public void Cut()
    {
        foreach (var client in _clients.Keys)
        {
            client.Close();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Dispose();
        await _accepting;
        Cut();
        foreach (var server in _lost)
        {
            server.Dispose();
        }

        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_ended.Token));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        _clients[client] = 0;
        var server = new TcpClient { NoDelay = true };
        var isLost = false;
        if (_isSlow)
        {
            server.ReceiveBufferSize = SlowReceiveBufferBytes;
        }

        try
        {
            client.NoDelay = true;
            await _flowing.Task.WaitAsync(_ended.Token);
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _ended.Token);
            isLost = await await Task.WhenAny(PumpAsync(client, server, isSlow: false), PumpAsync(server, client, _isSlow));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side is gone.
        }

        client.Dispose();
        _clients.TryRemove(client, out _);
        if (isLost)
        {
            _lost.Add(server); // stays open: nobody tells the server
        }
        else
        {
            server.Dispose();
        }
    }

    /// <returns>Whether one side went away while nothing was passed on: the other is never told.</returns>
    private async Task<bool> PumpAsync(TcpClient from, TcpClient to, bool isSlow)
    {
        var buffer = new byte[isSlow ? SlowBytesPerStep : 16 * 1024];
        try
        {
            while (true)
            {
                var length = await from.GetStream().ReadAsync(buffer, _ended.Token);
                if (length == 0)
                {
                    return !_flowing.Task.IsCompleted;
                }

                await _flowing.Task.WaitAsync(_ended.Token);

                await to.GetStream().WriteAsync(buffer.AsMemory(0, length), _ended.Token);
                if (isSlow)
                {
                    await Task.Delay(SlowStep, _ended.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            return !_flowing.Task.IsCompleted;
        }
    }
}
