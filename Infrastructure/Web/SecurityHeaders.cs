using Microsoft.AspNetCore.Http.Features;

namespace TimerSync.Infrastructure.Web;

/// <summary>Headers of every answer but a handshake's. The page has no inline script or style, and talks to its own server only.</summary>
internal static class SecurityHeaders
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        // A handshake brings no document, and Kestrel would keep the callback, or the headers, as long as the socket is open.
        if (context.Request.Path != "/ws" || context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            context.Response.OnStarting(Set, context.Response); // last: the exception handler clears what is set before
        }

        return next(context);
    });

    private static Task Set(object response)
    {
        var headers = ((HttpResponse)response).Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        return Task.CompletedTask;
    }
}
