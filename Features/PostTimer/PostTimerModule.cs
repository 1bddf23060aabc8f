using Carter;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Timers;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.PostTimer;

/// <summary>
/// Answers <c>POST /timers</c> (CONTRACT.md, section 2): one command without a socket, for scripts and shortcuts. The body is
/// read as JSON whatever its declared type: <c>curl -d</c> alone will do.
/// </summary>
public sealed class PostTimerModule : CarterModule
{
    public PostTimerModule()
    {
        Post("/timers", async context =>
        {
            context.Response.Headers.CacheControl = "no-store";
            var handler = context.RequestServices.GetRequiredService<PostTimerHandler>();
            var body = await ShortBody.ReadAsync(context.Request, ClientMessage.BytesMax);
            if (body is null)
            {
                await Results.Problem(
                    statusCode: StatusCodes.Status413PayloadTooLarge,
                    detail: $"A command has at most {ClientMessage.BytesMax} bytes.",
                    extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["code"] = ErrorCodes.BadRequest }).ExecuteAsync(context);
                return;
            }

            var (timer, error) = await handler.HandleAsync(
                body.GetBuffer().AsMemory(0, (int)body.Length), context.User.GetUserId(), context.RequestAborted);
            if (error is not null)
            {
                if (error.Code is ErrorCodes.RateLimited or ErrorCodes.Unavailable)
                {
                    Problems.SetRetryAfter(context, PostTimerHandler.RetryAfter);
                }

                await Problems.Of(error).ExecuteAsync(context);
                return;
            }

            if (timer is null)
            {
                context.Abort(); // no answer: any status would say whether it was stored
                return;
            }

            await context.Response.WriteAsJsonAsync(timer, WireJson.Default.TimerSnapshot, cancellationToken: context.RequestAborted);
        }).RequireAuthorization();
    }
}
