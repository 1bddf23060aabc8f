using System.Security.Claims;
using Carter;
using Microsoft.AspNetCore.Http.Features;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// Answers <c>GET /ws</c> (CONTRACT.md, section 3): token and Origin are checked by now; picks the subprotocol, upgrades, and
/// hands over to the connection's loop.
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
            var loop = context.RequestServices.GetRequiredService<ConnectionLoop>();
            var connection = new ConnectionStart(
                granted ?? Array.Find(subprotocols, one => one is JsonSubprotocol)!,
                context.User.GetUserId(), context.User.GetSessionId(), context.User.GetExpiry());
            using var socket = await context.WebSockets.AcceptWebSocketAsync(granted?.Name);
            await ReleaseAsync(context);
            await loop.RunAsync(socket, connection, context.RequestAborted);
        }).RequireAuthorization();
    }

    /// <summary>
    /// The request lives as long as its socket, and would keep its headers, the token among them, and its services.
    /// </summary>
    private static ValueTask ReleaseAsync(HttpContext context)
    {
        context.User = new ClaimsPrincipal();
        context.Request.Headers.Clear();
        context.Request.QueryString = QueryString.Empty;
        return context.Features.Get<IServiceProvidersFeature>() is IAsyncDisposable services ? services.DisposeAsync() : ValueTask.CompletedTask;
    }
}
