namespace TimerSync.Infrastructure.Auth;

/// <summary>
/// Carries the token of a browser. A session cookie: it lives in the browser's memory, script cannot read it, and no other
/// site's request carries it (CONTRACT.md, section 1).
/// </summary>
internal static class SessionCookie
{
    public const string Name = "timersync_session";

    public static void Set(HttpContext context, string token) => context.Response.Cookies.Append(Name, token, Options(context));

    public static void Delete(HttpContext context) => context.Response.Cookies.Delete(Name, Options(context));

    private static CookieOptions Options(HttpContext context) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = context.Request.IsHttps || PublicOrigin.Of(context).StartsWith("https:", StringComparison.OrdinalIgnoreCase),
        Path = "/",
        IsEssential = true,
    };
}
