using System.Data.Common;
using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Infrastructure.Web;

/// <summary>Errors as <c>application/problem+json</c> (RFC 9457).</summary>
internal static class Problems
{
    /// <summary>A refused command, with the contract's <c>code</c>.</summary>
    public static IResult Of(CommandError error) => Results.Problem(
        statusCode: ErrorCodes.HttpStatus(error.Code),
        detail: error.Message,
        extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["code"] = error.Code, ["id"] = error.Id });

    /// <summary>Sets <c>Retry-After</c>, in whole seconds, at least one.</summary>
    public static void SetRetryAfter(HttpContext context, TimeSpan wait) =>
        context.Response.Headers.RetryAfter =
            Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}

/// <summary>A body that is longer than it may be, or ends before its end, is the client's mistake: 413 or 400, not 500.</summary>
internal sealed class UnreadableRequestHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not BadHttpRequestException unreadable)
        {
            return false;
        }

        httpContext.Response.StatusCode = unreadable.StatusCode;
        await problems.WriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            ProblemDetails = { Status = unreadable.StatusCode, Detail = unreadable.Message },
        });
        return true;
    }
}

/// <summary>A database that does not answer is 503, with a word of what to do; every other exception stays a 500.</summary>
internal sealed class DatabaseUnavailableHandler(IProblemDetailsService problems, FragmentRenderer renderer) : IExceptionHandler
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not DbException)
        {
            return false;
        }

        httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        Problems.SetRetryAfter(httpContext, RetryAfter);
        if (httpContext.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            await Html.WriteAsync(httpContext, StatusCodes.Status503ServiceUnavailable, await renderer.RenderAsync<UnavailablePage>());
            return true;
        }

        await problems.WriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            ProblemDetails =
            {
                Status = StatusCodes.Status503ServiceUnavailable,
                Detail = "The database does not answer now. Try again in a moment.",
                Extensions = { ["code"] = ErrorCodes.Unavailable },
            },
        });
        return true;
    }
}
