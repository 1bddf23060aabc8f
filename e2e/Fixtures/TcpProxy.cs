using System.Net;
using System.Net.Sockets;

namespace TimerSync.EndToEnd;

/// <summary>
/// A network between a window and the server. It can be slow, be cut (every connection breaks, new ones too), or be a black
/// hole: connections stay open and nothing arrives any more, as on a lost radio link.
/// </summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int BufferBytes = 16 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Link> _links = [];
    private readonly Uri _server;
    private readonly Task _accepting;
    private bool _isSwallowing;
    private bool _isSwallowingAnswers;
    private bool _isCut;

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
    public void Swallow() => Change(() =>
    {
        _isSwallowing = true;
        foreach (var link in _links)
        {
            link.Shut();
        }
    });

    /// <summary>After <see cref="Swallow"/>: everything arrives, also what was sent meanwhile, as when a radio link comes back.</summary>
    public void DeliverAll() => Change(() =>
    {
        _isSwallowing = false;
        foreach (var link in _links)
        {
            link.Open();
        }
    });

    /// <summary>After any of these: new connections work, those from before stay dead, as when a router forgot them.</summary>
    public void ForgetConnections() => Change(() => _isSwallowing = _isSwallowingAnswers = false);

    /// <summary>From now on what the window sends arrives, and no answer does.</summary>
    public void SwallowAnswers() => Change(() =>
    {
        _isSwallowingAnswers = true;
        foreach (var link in _links)
        {
            link.ShutAnswers();
        }
    });

    /// <summary>From now on every connection breaks.</summary>
    public void Cut() => Change(() =>
    {
        _isCut = true;
        CloseAll();
    });

    /// <summary>After <see cref="Cut"/>.</summary>
    public void Restore() => Change(() => _isCut = false);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        Change(CloseAll);
        await _accepting;
        _end.Dispose();
    }

    private void Change(Action change)
    {
        lock (_lock)
        {
            change();
        }
    }

    private void CloseAll()
    {
        foreach (var link in _links)
        {
            link.Reset();
        }

        _links.Clear();
    }

    private async Task AcceptAsync()
    {
        var served = new List<Task>();
        try
        {
            while (true)
            {
                served.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var link = new Link(client);
        lock (_lock)
        {
            if (_isCut)
            {
                link.Reset();
                return;
            }

            if (_isSwallowing)
            {
                link.Shut();
            }

            if (_isSwallowingAnswers)
            {
                link.ShutAnswers();
            }

            _links.Add(link);
        }

        try
        {
            await link.Server.ConnectAsync(_server.Host, _server.Port, _end.Token);
            await Task.WhenAny(CopyAsync(link, link.Client, link.Server), CopyAsync(link, link.Server, link.Client));
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            // The server is down, or the link was reset: for the client both are a broken connection.
        }
        finally
        {
            Change(() => _links.Remove(link));
        }
    }

    private async Task CopyAsync(Link link, TcpClient from, TcpClient to)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                var length = await from.GetStream().ReadAsync(buffer, _end.Token);
                await link.WhenOpen(isAnswer: from == link.Server).WaitAsync(_end.Token);
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

    /// <summary>One connection, in two halves.</summary>
    private sealed class Link(TcpClient client) : IDisposable
    {
        private volatile TaskCompletionSource? _shut;
        private volatile TaskCompletionSource? _answersShut;

        public TcpClient Client { get; } = client;

        public TcpClient Server { get; } = new() { NoDelay = true };

        public Task WhenOpen(bool isAnswer) => ((isAnswer ? _answersShut : null) ?? _shut)?.Task ?? Task.CompletedTask;

        public void Shut() => _shut ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public void ShutAnswers() => _answersShut ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Open()
        {
            _shut?.TrySetResult();
            _shut = null;
        }

        public void Reset()
        {
            Client.Client.Close(0);
            Server.Client.Close(0);
        }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
