using Carter;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Answers <c>GET /ws</c> (CONTRACT.md, section 3): token and Origin are checked by now; picks the subprotocol, upgrades, and
/// hands over to the connection's loop.
/// </summary>
public sealed class SyncSocketModule : CarterModule
{
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

            var subprotocols = context.RequestServices.GetServices<ISubprotocol>().ToArray();
            var granted = context.WebSockets.WebSocketRequestedProtocols
                .Select(name => Array.Find(subprotocols, one => one.Name == name))
                .FirstOrDefault(one => one is not null);
            using var socket = await context.WebSockets.AcceptWebSocketAsync(granted?.Name);
            var loop = context.RequestServices.GetRequiredService<ConnectionLoop>();
            await loop.RunAsync(
                socket, granted ?? Array.Find(subprotocols, one => one is JsonSubprotocol)!, context.User, context.RequestAborted);
        }).RequireAuthorization();
    }
}
