using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Auth;

/// <summary>The server's own origin, where it cannot be told from a request: behind a proxy (CONTRACT.md, section 6).</summary>
internal sealed class PublicOriginOptions
{
    /// <summary>Such as <c>https://timer.example.org</c>. Default: the scheme and host of the request.</summary>
    public string? PublicOrigin { get; set; }
}

/// <summary>Refuses what is no origin, naming the key.</summary>
internal sealed class ValidatePublicOriginOptions : IValidateOptions<PublicOriginOptions>
{
    public ValidateOptionsResult Validate(string? name, PublicOriginOptions options) =>
        string.IsNullOrEmpty(options.PublicOrigin)
            || (Uri.TryCreate(options.PublicOrigin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                && uri.GetLeftPart(UriPartial.Authority).Equals(options.PublicOrigin.TrimEnd('/'), StringComparison.OrdinalIgnoreCase))
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"PublicOrigin must be an origin such as https://timer.example.org, not '{options.PublicOrigin}'.");
}

/// <summary>The server's own origin (RFC 6454), and whether a request came from it.</summary>
internal static class PublicOrigin
{
    public static string Of(HttpContext context)
    {
        var configured = context.RequestServices.GetRequiredService<IOptions<PublicOriginOptions>>().Value.PublicOrigin;
        return string.IsNullOrEmpty(configured) ? $"{context.Request.Scheme}://{context.Request.Host}" : configured.TrimEnd('/');
    }

    public static bool IsOwn(HttpContext context) =>
        context.Request.Headers.Origin is [{ } origin] && origin.Equals(Of(context), StringComparison.OrdinalIgnoreCase);
}
