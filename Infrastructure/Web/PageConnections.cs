namespace TimerSync.Infrastructure.Web;

/// <summary>
/// The connection on which a page or one of its files was asked for ends with the answer. A browser would keep it, and five
/// more, for later requests: when its network goes they are as dead as the socket, and once it is back the page would lose a
/// look-out for the server, a second, to each of them (<c>knock</c> in wwwroot/app.js).
/// </summary>
internal static class PageConnections
{
    public static void UsePageConnections(this WebApplication app) => app.Use((context, next) =>
    {
        // What programs and the page's script ask for again and again is JSON; later versions of HTTP have one connection for all.
        if (HttpProtocol.IsHttp11(context.Request.Protocol) && context.Request.Path != "/ws")
        {
            context.Response.OnStarting(CloseAfterPage, context.Response);
        }

        return next(context);
    });

    private static Task CloseAfterPage(object answer)
    {
        var response = (HttpResponse)answer;
        if (response.ContentType?.Contains("json", StringComparison.OrdinalIgnoreCase) != true)
        {
            response.Headers.Connection = "close";
        }

        return Task.CompletedTask;
    }
}
