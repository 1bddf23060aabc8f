using System.Security.Claims;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using TimerSync.Infrastructure.Database;

namespace TimerSync.Infrastructure.Auth;

/// <summary>Makes access tokens: JWT, signed with HS256 (RFC 7519).</summary>
internal sealed class AccessTokens(IOptions<JwtOptions> options, DatabaseStart database)
{
    public const string Issuer = "timersync";
    public const string Audience = "timersync";
    public const string Algorithm = SecurityAlgorithms.HmacSha256;

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly byte[]? _configured = options.Value.SigningKey is { } key ? Convert.FromBase64String(key) : null;
    private CachedKey? _key;

    /// <summary>The same object while the key is the same: what validates with it is cached by it.</summary>
    public SecurityKey Key
    {
        get
        {
            var bytes = _configured ?? database.Identity.SigningKey;
            var known = _key;
            return (known?.Bytes == bytes ? known : _key = new CachedKey(bytes, new SymmetricSecurityKey(bytes))).Key;
        }
    }

    public TimeSpan Lifetime => options.Value.Lifetime;

    /// <summary>Rounded up: tokens count whole seconds, and one of 1 s must live for 1 s.</summary>
    public DateTimeOffset ExpiryOf(DateTimeOffset issuedAt) => DateTimeOffset.FromUnixTimeSeconds(
        (long)Math.Ceiling((issuedAt + Lifetime).ToUnixTimeMilliseconds() / 1000.0));

    /// <param name="userId">Becomes <c>sub</c>.</param>
    /// <param name="userName">Becomes <c>preferred_username</c>: what the page shows.</param>
    /// <param name="sessionId">Becomes <c>sid</c>: the row that revokes it.</param>
    /// <param name="issuedAt">Becomes <c>iat</c>.</param>
    public string Create(string userId, string userName, string sessionId, DateTimeOffset issuedAt) =>
        _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Audience,
            IssuedAt = issuedAt.UtcDateTime,
            Expires = ExpiryOf(issuedAt).UtcDateTime,
            SigningCredentials = new SigningCredentials(Key, Algorithm),
            Claims = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                [JwtRegisteredClaimNames.Sub] = userId,
                [JwtRegisteredClaimNames.PreferredUsername] = userName,
                [JwtRegisteredClaimNames.Sid] = sessionId,
            },
        });

    private sealed record CachedKey(byte[] Bytes, SymmetricSecurityKey Key);
}

/// <summary>What a valid token says of its bearer.</summary>
internal static class TokenClaims
{
    public static string GetUserId(this ClaimsPrincipal user) => Required(user, JwtRegisteredClaimNames.Sub);

    public static string GetUserName(this ClaimsPrincipal user) => Required(user, JwtRegisteredClaimNames.PreferredUsername);

    public static string GetSessionId(this ClaimsPrincipal user) => Required(user, JwtRegisteredClaimNames.Sid);

    public static DateTimeOffset GetExpiry(this ClaimsPrincipal user) => DateTimeOffset.FromUnixTimeSeconds(
        long.Parse(Required(user, JwtRegisteredClaimNames.Exp), System.Globalization.CultureInfo.InvariantCulture));

    /// <returns>The same user with nothing but what this class reads.</returns>
    public static ClaimsPrincipal WithoutToken(this ClaimsPrincipal user) => new(new ClaimsIdentity(
        new[] { JwtRegisteredClaimNames.Sub, JwtRegisteredClaimNames.PreferredUsername, JwtRegisteredClaimNames.Sid, JwtRegisteredClaimNames.Exp }
            .Select(claim => new Claim(claim, Required(user, claim))),
        user.Identity!.AuthenticationType,
        JwtRegisteredClaimNames.Sub,
        roleType: null));

    private static string Required(ClaimsPrincipal user, string claim) =>
        user.FindFirstValue(claim) ?? throw new InvalidOperationException($"A validated token has no {claim}.");
}
