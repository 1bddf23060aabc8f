using Microsoft.AspNetCore.Connections;

namespace TimerSync.Infrastructure.Web;

/// <summary>
/// Cuts what is still connected a while after the server was told to go down: half-sent requests and peers that are gone
/// would otherwise keep it until the host gives up, with the writer still to be stopped.
/// </summary>
internal sealed class ShutdownDrain(IHostApplicationLifetime lifetime) : IDisposable
{
    /// <summary>For requests to be answered and sockets to be closed; half of the host's timeout.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _over = new();

    /// <summary>Connection middleware: for every connection of every endpoint, before a byte of it is read.</summary>
    public ConnectionDelegate Watch(ConnectionDelegate next)
    {
        lifetime.ApplicationStopping.Register(() => _over.CancelAfter(Duration));
        return async connection =>
        {
            await using var registration = _over.Token.UnsafeRegister(Cut, connection);
            await next(connection);
        };
    }

    private static void Cut(object? connection) =>
        ((ConnectionContext)connection!).Abort(new ConnectionAbortedException("The server goes down, and the peer was not done in time."));

    public void Dispose() => _over.Dispose();
}
