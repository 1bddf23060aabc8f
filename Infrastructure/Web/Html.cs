namespace TimerSync.Infrastructure.Web;

/// <summary>HTML answers. Never stored: the page carries the state of one moment and one user.</summary>
internal static class Html
{
    public static Task WriteAsync(HttpContext context, int statusCode, string html)
    {
        context.Response.StatusCode = statusCode;
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(html, context.RequestAborted);
    }
}
