using Carter;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Features.GetTimer;

/// <summary>Answers <c>GET /timers</c> with the caller's current timer (CONTRACT.md, section 2).</summary>
public sealed class GetTimerModule : CarterModule
{
    // Carter 5 builds a module at start-up and again for every request: declare routes, do no work.
    public GetTimerModule()
    {
        Get("/timers", async context =>
        {
            var reader = context.RequestServices.GetRequiredService<ITimerReader>();
            var timer = await reader.ReadAsync(context.User.GetUserId(), context.RequestAborted);
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.WriteAsJsonAsync(timer, WireJson.Default.TimerSnapshot, cancellationToken: context.RequestAborted);
        }).RequireAuthorization();
    }
}
