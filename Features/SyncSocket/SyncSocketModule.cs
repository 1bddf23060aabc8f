using Carter;
using Microsoft.AspNetCore.Connections.Features;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Answers <c>GET /ws</c> (CONTRACT.md, section 3): token and Origin are checked by now; picks the subprotocol and upgrades.
/// <see cref="AcceptedSocket"/> runs what comes of it.
/// </summary>
public sealed class SyncSocketModule : CarterModule
{
    /// <summary>How long a client that comes while the server goes down is told to wait.</summary>
    private static readonly TimeSpan RestartTime = TimeSpan.FromSeconds(2);

    public SyncSocketModule()
    {
        Get("/ws", async context =>
        {
            if (!context.WebSockets.IsWebSocketRequest)
            {
                context.Response.Headers.Connection = "Upgrade";
                context.Response.Headers.Upgrade = "websocket";
                await Results.Problem(
                    statusCode: StatusCodes.Status426UpgradeRequired, detail: "Open a WebSocket here.").ExecuteAsync(context);
                return;
            }

            if (context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
            {
                Problems.SetRetryAfter(context, RestartTime);
                await Results.Problem(
                    statusCode: StatusCodes.Status503ServiceUnavailable, detail: "The server is going down: come back in a moment.").ExecuteAsync(context);
                return;
            }

            var subprotocols = context.RequestServices.GetServices<ISubprotocol>().ToArray();
            var granted = context.WebSockets.WebSocketRequestedProtocols
                .Select(name => Array.Find(subprotocols, one => one.Name == name))
                .FirstOrDefault(one => one is not null);
            var start = new ConnectionStart(
                granted ?? Array.Find(subprotocols, one => one is JsonSubprotocol)!,
                context.User.GetUserId(), context.User.GetSessionId(), context.User.GetExpiry());
            context.Features.Set(new AcceptedSocket(
                await context.WebSockets.AcceptWebSocketAsync(granted?.Name), start, context.Features.Get<IConnectionSocketFeature>()?.Socket));
        }).RequireAuthorization();
    }
}
