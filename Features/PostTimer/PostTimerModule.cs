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
            await using var body = new MemoryStream(ClientMessage.BytesMax);
            if (context.Request.ContentLength > ClientMessage.BytesMax
                || !await TryReadAsync(context.Request.Body, body, context.RequestAborted))
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

    /// <returns>False when there is more than a message may have.</returns>
    private static async Task<bool> TryReadAsync(Stream from, MemoryStream to, CancellationToken cancellationToken)
    {
        var buffer = new byte[ClientMessage.BytesMax + 1];
        for (int read; (read = await from.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            if (to.Length + read > ClientMessage.BytesMax)
            {
                return false;
            }

            to.Write(buffer, 0, read);
        }

        return true;
    }
}
