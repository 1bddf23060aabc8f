using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace TimerSync.Infrastructure.Auth;

/// <summary>
/// Who calls: a JWT from the <c>Authorization</c> header, else from the session cookie, else, on <c>/ws</c> alone, from the
/// query. The first source that is present decides (CONTRACT.md, sections 1 and 6).
/// </summary>
internal static class Authentication
{
    private const string BearerPrefix = "Bearer ";

    public static void AddTokenAuthentication(this IServiceCollection services)
    {
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<ILoginSessions, LoginSessions>();
        services.AddSingleton<IValidateOptions<JwtOptions>, ValidateJwtOptions>();
        services.AddSingleton<IValidateOptions<PublicOriginOptions>, ValidatePublicOriginOptions>();
        services.AddOptions<JwtOptions>().BindConfiguration(JwtOptions.Section).ValidateOnStart();
        services.AddOptions<PublicOriginOptions>().BindConfiguration("").ValidateOnStart();
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).Configure<AccessTokens>(Configure);
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();
        services.AddAuthorization();

        // The framework's authentication brings it along; nothing here uses it, so it need not write keys into the home folder.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
    }

    /// <summary>
    /// A request that a browser authenticates by its cookie must come from our own page when it changes something or opens a
    /// socket: any other site could make the browser send one. Answers 403 otherwise.
    /// </summary>
    public static void UseOriginCheck(this WebApplication app) => app.Use(async (context, next) =>
    {
        var changes = context.WebSockets.IsWebSocketRequest
            || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method));
        if (changes && context.User.Identity?.IsAuthenticated == true && TokenSource(context.Request).FromCookie
            && context.GetEndpoint()?.Metadata.GetMetadata<ChecksOriginItself>() is null
            && !PublicOrigin.IsOwn(context))
        {
            await Results.Problem(
                statusCode: StatusCodes.Status403Forbidden,
                detail: $"A request with the session cookie must carry the Origin {PublicOrigin.Of(context)}.").ExecuteAsync(context);
            return;
        }

        await next(context);
    });

    private static void Configure(JwtBearerOptions options, AccessTokens tokens)
    {
        options.MapInboundClaims = false;
        options.SaveToken = false;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuer = AccessTokens.Issuer,
            ValidAudience = AccessTokens.Audience,
            ValidAlgorithms = [AccessTokens.Algorithm],
            IssuerSigningKeyResolver = (_, _, _, _) => [tokens.Key],
            NameClaimType = JwtRegisteredClaimNames.Sub,
            ClockSkew = TimeSpan.Zero,
        };
        options.Events = new JwtBearerEvents
        {
            OnMessageReceived = context =>
            {
                var (token, isMalformed, _) = TokenSource(context.Request);
                if (isMalformed)
                {
                    context.Fail("The Authorization header is not 'Bearer <token>'.");
                }
                else if (token is null)
                {
                    context.NoResult();
                }

                context.Token = token;
                return Task.CompletedTask;
            },
            OnTokenValidated = async context =>
            {
                var sessions = context.HttpContext.RequestServices.GetRequiredService<ILoginSessions>();
                // A token of another program that has the same key may lack what ours carry. The look at the database is not given
                // up with the peer: that would be logged as an error of the server, as often as anybody likes.
                if (context.Principal is not { } user
                    || user.FindFirstValue(JwtRegisteredClaimNames.Sid) is not { } sessionId
                    || user.FindFirstValue(JwtRegisteredClaimNames.Sub) is not { } userId
                    || !await sessions.ExistsAsync(sessionId, userId, CancellationToken.None))
                {
                    context.Fail("The login session has ended.");
                    return;
                }

                // The middleware keeps the principal as long as a socket is open: without the token and its other claims.
                context.Principal = user.WithoutToken();
            },
        };
    }

    private static (string? Token, bool IsMalformed, bool FromCookie) TokenSource(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ } header, ..])
        {
            return header.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase)
                ? (header[BearerPrefix.Length..].Trim(), false, false)
                : (null, true, false);
        }

        if (request.Cookies[SessionCookie.Name] is { } cookie)
        {
            return (cookie, false, true);
        }

        return request.Path == "/ws" && request.Query["access_token"] is [{ } query, ..] ? (query, false, false) : (null, false, false);
    }
}

/// <summary>
/// On an endpoint that changes something and also takes requests without an <c>Origin</c>, whatever cookie they carry: signing
/// in (CONTRACT.md, section 6).
/// </summary>
internal sealed class ChecksOriginItself;
