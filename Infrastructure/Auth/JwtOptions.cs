using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Auth;

/// <summary>How tokens are made: section <c>Jwt</c> (CONTRACT.md, section 5).</summary>
internal sealed class JwtOptions
{
    public const string Section = "Jwt";

    /// <summary>Base64 of at least 32 bytes. Default: made at the first start and kept in the database.</summary>
    public string? SigningKey { get; set; }

    /// <summary>How long a token is valid; at least 1 s. Default: 7 days.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(7);
}

/// <summary>Refuses what the server could not work with, naming the key.</summary>
internal sealed class ValidateJwtOptions : IValidateOptions<JwtOptions>
{
    /// <summary>HS256 wants a key at least as long as its hash (RFC 7518, section 3.2).</summary>
    private const int SigningKeyBytesMin = 32;

    private static readonly TimeSpan LifetimeMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LifetimeMax = TimeSpan.FromDays(3650);

    public ValidateOptionsResult Validate(string? name, JwtOptions options)
    {
        var key = new byte[options.SigningKey?.Length ?? 0];
        if (options.SigningKey is not null
            && (!Convert.TryFromBase64String(options.SigningKey, key, out var length) || length < SigningKeyBytesMin))
        {
            return ValidateOptionsResult.Fail($"Jwt:SigningKey must be base64 of at least {SigningKeyBytesMin} bytes.");
        }

        return options.Lifetime < LifetimeMin || options.Lifetime > LifetimeMax
            ? ValidateOptionsResult.Fail($"Jwt:Lifetime must be from {LifetimeMin} to {LifetimeMax}, not {options.Lifetime}.")
            : ValidateOptionsResult.Success;
    }
}
