using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace TimerSync.EndToEnd;

/// <summary>
/// A network between a window and the server. It can be slow, be cut (every connection breaks, new ones are refused at
/// once), or be a black hole: connections stay open and nothing arrives any more, as behind a lost radio link.
/// </summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int BufferBytes = 16 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<TcpClient, TcpClient> _connections = new();
    private readonly Uri _server;
    private readonly Task _accepting;
    private volatile TaskCompletionSource _open = Opened();
    private volatile bool _isCut;

    /// <param name="server">Where everything goes to.</param>
    public TcpProxy(Uri server)
    {
        _server = server;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    /// <summary>What the window is given as the server's address.</summary>
    public Uri Address { get; }

    /// <summary>How long each part takes in each direction. Default: no time.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>From now on nothing arrives, in either direction, and nobody is told.</summary>
    public void Swallow() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>From now on every connection breaks.</summary>
    public void Cut()
    {
        _isCut = true;
        CloseAll();
    }

    /// <summary>
    /// A working network again. Connections from before are gone after a black hole, as after a change of networks.
    /// </summary>
    public void Restore()
    {
        CloseAll();
        _isCut = false;
        _open.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        CloseAll();
        await _accepting;
        _end.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        var opened = new TaskCompletionSource();
        opened.SetResult();
        return opened;
    }

    private void CloseAll()
    {
        foreach (var (client, server) in _connections)
        {
            _connections.TryRemove(client, out _);
            client.Client.Close(0); // a reset, not a farewell
            server.Client.Close(0);
        }
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            try
            {
                client.NoDelay = server.NoDelay = true;
                _connections[client] = server;
                await server.ConnectAsync(_server.Host, _server.Port, _end.Token);
                if (_isCut)
                {
                    client.Client.Close(0);
                    return;
                }

                await Task.WhenAny(CopyAsync(client, server), CopyAsync(server, client));
            }
            catch (Exception exception) when (IsEnd(exception))
            {
                // The server is down, or the test is over.
            }
            finally
            {
                _connections.TryRemove(client, out _);
            }
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                var length = await from.GetStream().ReadAsync(buffer, _end.Token);
                await _open.Task.WaitAsync(_end.Token);
                if (length == 0)
                {
                    return;
                }

                await Task.Delay(Delay, _end.Token);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, length), _end.Token);
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            // One side has gone; the other is closed with it.
        }
    }

    private static bool IsEnd(Exception exception) =>
        exception is OperationCanceledException or SocketException or IOException or ObjectDisposedException or InvalidOperationException;
}
