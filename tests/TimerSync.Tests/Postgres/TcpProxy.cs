using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace TimerSync.Tests.Postgres;

/// <summary>A network between a node and its database that can be made to lose everything without a word.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int GreetingBytesMax = 200;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Link> _links = [];
    private readonly int _port;
    private volatile bool _isDark;

    private TcpProxy(int port) => _port = port;

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether new connections get nowhere, and old ones carry nothing.</summary>
    public bool IsDark
    {
        get => _isDark;
        set
        {
            _isDark = value;
            foreach (var link in _links.Where(_ => value))
            {
                link.IsDark = true; // for good: what was lost, TCP would have sent again, but no timeout is that long
            }
        }
    }

    /// <summary>The same database, through this network.</summary>
    public string Through(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Port = Port }.ConnectionString;

    public static TcpProxy Start(int port)
    {
        var proxy = new TcpProxy(port);
        proxy._listener.Start();
        _ = proxy.AcceptAsync();
        return proxy;
    }

    /// <summary>Silences the connections whose first bytes contain this text, such as an application's name.</summary>
    /// <returns>How many.</returns>
    public int Darken(string greeting)
    {
        var chosen = _links.Where(link => !link.IsDark && link.Greeting.Contains(greeting, StringComparison.Ordinal)).ToList();
        chosen.ForEach(link => link.IsDark = true);
        return chosen.Count;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        foreach (var link in _links)
        {
            link.Near.Dispose();
            link.Far.Dispose();
        }

        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var link = new Link(await _listener.AcceptSocketAsync(_stop.Token), new Socket(SocketType.Stream, ProtocolType.Tcp)) { IsDark = _isDark };
            _links.Add(link);
            _ = CarryAsync(link);
        }
    }

    private async Task CarryAsync(Link link)
    {
        try
        {
            await link.Far.ConnectAsync(IPAddress.Loopback, _port, _stop.Token);
            await Task.WhenAny(CopyAsync(link, link.Near, link.Far), CopyAsync(link, link.Far, link.Near));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // Nobody there: the near side is told so at once, as without a network in between.
        }

        if (!link.IsDark)
        {
            link.Near.Dispose();
            link.Far.Dispose();
        }
    }

    private async Task CopyAsync(Link link, Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        for (int length; (length = await from.ReceiveAsync(buffer, _stop.Token)) > 0;)
        {
            if (from == link.Near && link.Greeting.Length < GreetingBytesMax)
            {
                link.Greeting += Encoding.ASCII.GetString(buffer, 0, length);
            }

            if (!link.IsDark)
            {
                await to.SendAsync(buffer.AsMemory(0, length), _stop.Token);
            }
        }
    }

    private sealed class Link(Socket near, Socket far)
    {
        public Socket Near { get; } = near;

        public Socket Far { get; } = far;

        public volatile bool IsDark;

        public volatile string Greeting = "";
    }
}
