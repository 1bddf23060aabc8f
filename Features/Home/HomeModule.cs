using Carter;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Timers;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.Home;

/// <summary>Answers <c>GET /</c> with the login form, or with the timer of a browser that is signed in (CONTRACT.md, section 4).</summary>
public sealed class HomeModule : CarterModule
{
    public HomeModule()
    {
        Get("/", async context =>
        {
            var renderer = context.RequestServices.GetRequiredService<FragmentRenderer>();
            var isSignedIn = context.User.Identity?.IsAuthenticated == true;
            if (!isSignedIn && context.Request.Cookies.ContainsKey(SessionCookie.Name))
            {
                SessionCookie.Delete(context); // of a session that has ended
            }

            var timer = isSignedIn
                ? await context.RequestServices.GetRequiredService<ITimerReader>().ReadAsync(context.User.GetUserId(), context.RequestAborted)
                : null;
            await Html.WriteAsync(context, StatusCodes.Status200OK, await renderer.RenderAsync<Page>(
                (nameof(Page.Timer), timer), (nameof(Page.Name), isSignedIn ? context.User.GetUserName() : null)));
        });
    }
}
