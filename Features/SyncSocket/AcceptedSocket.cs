using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Features.SyncSocket;

/// <summary>
/// A socket that the endpoint has accepted, left with its request. It is run when all middleware has returned: what they and
/// the endpoint hold for a request would otherwise live as long as the socket, and is as much as the socket itself.
/// </summary>
internal sealed record AcceptedSocket(WebSocket Socket, ConnectionStart Start, Socket? Transport)
{
    /// <summary>Runs sockets; the first middleware.</summary>
    public static void Use(WebApplication app)
    {
        var loop = app.Services.GetRequiredService<ConnectionLoop>();
        var heartbeat = app.Services.GetRequiredService<Heartbeat>();
        app.Use(async (context, next) =>
        {
            if (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } server)
            {
                context.Features.Set<IHttpUpgradeFeature>(new PeerUpgrade(server, UnencryptedSocket(context)));
            }

            await next(context);
            if (context.Features.Get<AcceptedSocket>() is not null)
            {
                await ReleaseAsync(context);
                var (accepted, peer) = Take(context);
                TimeSlice.ShareLook(context.Features.GetRequiredFeature<IConnectionHeartbeatFeature>());
                heartbeat.Watch(peer, accepted.Socket);
                await loop.RunAsync(accepted, context.Features.GetRequiredFeature<IConnectionLifetimeFeature>().ConnectionClosed);
            }
        });
    }

    private static Socket? UnencryptedSocket(HttpContext context) =>
        context.Features.Get<ITlsConnectionFeature>() is null ? context.Features.Get<IConnectionSocketFeature>()?.Socket : null;

    private static (AcceptedSocket Accepted, PeerStream Peer) Take(HttpContext context)
    {
        var accepted = context.Features.GetRequiredFeature<AcceptedSocket>();
        var upgrade = (PeerUpgrade)context.Features.GetRequiredFeature<IHttpUpgradeFeature>();
        context.Features.Set<AcceptedSocket>(null);
        context.Features.Set<IHttpUpgradeFeature>(null);
        return (accepted, upgrade.Stream!);
    }

    /// <summary>The server keeps the request until its socket has ended, but none of this: headers, the token among them, services, the principal.</summary>
    private static async ValueTask ReleaseAsync(HttpContext context)
    {
        if (context.Features.Get<IServiceProvidersFeature>() is IAsyncDisposable services)
        {
            await services.DisposeAsync();
        }

        context.Request.Headers.Clear();
        context.Request.QueryString = QueryString.Empty;
        context.Features.Set<IAuthenticateResultFeature>(null);
        context.Features.Set<IHttpAuthenticationFeature>(null);
        context.Features.Set<IEndpointFeature>(null);
        context.Features.Set<IRouteValuesFeature>(null);
        context.Features.Set<IItemsFeature>(null);
        context.Features.Set<IQueryFeature>(null);
        context.Features.Set<IRequestCookiesFeature>(null);
        context.Features.Set<IHttpWebSocketFeature>(null);
        context.Features.Set<IStatusCodePagesFeature>(null);
        if (context is DefaultHttpContext cached) // it remembers the features that it has seen
        {
            var features = context.Features;
            cached.Uninitialize();
            cached.Initialize(features);
        }
    }
}
