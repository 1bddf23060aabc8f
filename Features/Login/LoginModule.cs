using System.Globalization;
using System.Text.Json;
using Carter;
using TimerSync.Features.Home;
using TimerSync.Infrastructure.Auth;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.Login;

/// <summary>
/// Answers <c>POST /login</c> (CONTRACT.md, section 1): a program's JSON with a token, the page's form with a session cookie.
/// </summary>
public sealed class LoginModule : CarterModule
{
    /// <summary>A name and a password, as long as they may be and escaped as badly as JSON allows, are shorter.</summary>
    private const int BodyBytesMax = 16 * 1024;

    private const string WrongPassword = "Wrong username or password.";

    public LoginModule()
    {
        Post("/login", async context =>
        {
            context.Response.Headers.CacheControl = "no-store";
            if (await ShortBody.ReadAsync(context.Request, BodyBytesMax) is not { } body)
            {
                await ProblemAsync(context, StatusCodes.Status413PayloadTooLarge, $"A name and a password have at most {BodyBytesMax} bytes.");
                return;
            }

            context.Request.Body = body;
            await (context.Request.HasFormContentType ? FormAsync(context) : JsonAsync(context));
        }).WithMetadata(new ChecksOriginItself());
    }

    private static async Task JsonAsync(HttpContext context)
    {
        LoginRequest? request = null;
        if (context.Request.HasJsonContentType())
        {
            try
            {
                request = await context.Request.ReadFromJsonAsync(LoginJson.Default.LoginRequest, context.RequestAborted);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // InvalidOperationException: a string that is no valid Unicode text.
            }
        }

        if (request is null)
        {
            await ProblemAsync(context, StatusCodes.Status400BadRequest,
                "Send {\"username\": \"...\", \"password\": \"...\"} with Content-Type: application/json.");
            return;
        }

        var (result, error) = await LogInAsync(context, request.Username, request.Password);
        if (result is LoginResult.Success success)
        {
            await context.Response.WriteAsJsonAsync(
                new LoginResponse(success.AccessToken, "Bearer", (long)Math.Ceiling(success.Lifetime.TotalSeconds), success.UserId),
                LoginJson.Default.LoginResponse, cancellationToken: context.RequestAborted);
            return;
        }

        await ProblemAsync(context, StatusOf(context, result), error!);
    }

    private static async Task FormAsync(HttpContext context)
    {
        // The browser's own Origin, where it sends one: no other site may sign somebody in here.
        if (context.Request.Headers.Origin.Count > 0 && !PublicOrigin.IsOwn(context))
        {
            await ProblemAsync(context, StatusCodes.Status403Forbidden, $"The form must come from {PublicOrigin.Of(context)}.");
            return;
        }

        IFormCollection form;
        try
        {
            form = await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException)
        {
            // IOException: a multipart form that ends before its end.
            await ProblemAsync(context, StatusCodes.Status400BadRequest, "The form cannot be read.");
            return;
        }

        string? name = form["username"], password = form["password"];
        var isHtmx = context.Request.Headers.ContainsKey("HX-Request");
        var (result, error) = await LogInAsync(context, name, password);
        if (result is LoginResult.Success success)
        {
            SessionCookie.Set(context, success.AccessToken);
            if (isHtmx)
            {
                context.Response.Headers["HX-Redirect"] = "/";
                context.Response.StatusCode = StatusCodes.Status204NoContent;
            }
            else
            {
                context.Response.StatusCode = StatusCodes.Status303SeeOther;
                context.Response.Headers.Location = "/";
            }

            return;
        }

        var renderer = context.RequestServices.GetRequiredService<FragmentRenderer>();
        var html = isHtmx
            ? await renderer.RenderAsync<LoginForm>((nameof(LoginForm.Name), name), (nameof(LoginForm.Error), error))
            : await renderer.RenderAsync<Page>((nameof(Page.Name), name), (nameof(Page.Error), error));
        await Html.WriteAsync(context, StatusOf(context, result), html);
    }

    /// <returns>Null with an error for credentials that are not well-formed.</returns>
    private static async Task<(LoginResult? Result, string? Error)> LogInAsync(HttpContext context, string? name, string? password)
    {
        var (credentials, error) = Credentials.Check(name, password);
        if (credentials is null)
        {
            return (null, error);
        }

        var handler = context.RequestServices.GetRequiredService<LoginHandler>();
        var result = await handler.HandleAsync(credentials, context.Connection.RemoteIpAddress, context.RequestAborted);
        return (result, result switch
        {
            LoginResult.Success => null,
            LoginResult.PasswordTooShort { MinLength: var length } => $"A new account needs a password of at least {length} characters.",
            LoginResult.Throttled { RetryAfter: var wait } => $"Too many attempts. Try again in {Describe(wait)}.",
            _ => WrongPassword,
        });
    }

    private static int StatusOf(HttpContext context, LoginResult? result)
    {
        switch (result)
        {
            case LoginResult.WrongPassword:
                return StatusCodes.Status401Unauthorized;
            case LoginResult.Throttled { RetryAfter: var wait }:
                Problems.SetRetryAfter(context, wait);
                return StatusCodes.Status429TooManyRequests;
            default:
                return StatusCodes.Status400BadRequest;
        }
    }

    private static string Describe(TimeSpan wait) => wait <= TimeSpan.FromMinutes(1)
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, Math.Ceiling(wait.TotalSeconds))} s")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(wait.TotalMinutes)} minutes");

    private static Task ProblemAsync(HttpContext context, int statusCode, string detail) =>
        Results.Problem(statusCode: statusCode, detail: detail).ExecuteAsync(context);
}
