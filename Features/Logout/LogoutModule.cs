using Carter;
using TimerSync.Infrastructure.Auth;

namespace TimerSync.Features.Logout;

/// <summary>
/// Answers <c>POST /logout</c> (CONTRACT.md, section 1): the session ends, its cookie goes, and every socket that was opened
/// with its token closes. Without a session it is 204 all the same.
/// </summary>
public sealed class LogoutModule : CarterModule
{
    public LogoutModule()
    {
        Post("/logout", async context =>
        {
            if (context.User.Identity?.IsAuthenticated == true)
            {
                var handler = context.RequestServices.GetRequiredService<LogoutHandler>();
                await handler.HandleAsync(context.User.GetUserId(), context.User.GetSessionId());
            }

            if (context.Request.Cookies.ContainsKey(SessionCookie.Name))
            {
                SessionCookie.Delete(context);
            }

            if (context.Request.Headers.ContainsKey("HX-Request"))
            {
                context.Response.Headers["HX-Redirect"] = "/";
            }

            context.Response.StatusCode = StatusCodes.Status204NoContent;
        });
    }
}
