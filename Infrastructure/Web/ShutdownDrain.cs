using Microsoft.AspNetCore.Hosting.Server;

namespace TimerSync.Infrastructure.Web;

/// <summary>
/// Cuts what is still connected a while after the server was told to go down: half-sent requests and peers that are gone
/// would otherwise keep it until the host gives up, with the writer still to be stopped.
/// </summary>
internal sealed class ShutdownDrain(IHostApplicationLifetime lifetime, IServer server) : IHostedService
{
    /// <summary>For requests to be answered and sockets to be closed; half of the host's timeout.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(5);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Kestrel aborts what is connected when this token is cancelled. The host stops it too, a moment later, and waits for this.
        lifetime.ApplicationStopping.Register(() => _ = server.StopAsync(new CancellationTokenSource(Duration).Token));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
