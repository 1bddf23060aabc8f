using System.Text;
using System.Text.Json.Serialization;

namespace TimerSync.Features.Login;

/// <summary>A name and a password, well-formed (CONTRACT.md, sections 1 and 6). Lengths count Unicode code points.</summary>
/// <param name="Name">Trimmed, NFC.</param>
/// <param name="Password">As typed.</param>
internal sealed record Credentials(string Name, string Password)
{
    public const int NameLengthMax = 64;
    public const int PasswordLengthMax = 128;

    /// <summary>What names are compared by: invariant case folding.</summary>
    public string FoldedName => Name.ToUpperInvariant().ToLowerInvariant();

    public int PasswordLength => Length(Password);

    /// <returns>The credentials, or what to tell the person.</returns>
    public static (Credentials? Credentials, string? Error) Check(string? name, string? password)
    {
        if (name is null || password is null)
        {
            return (null, "Give a username and a password.");
        }

        string normalized;
        try
        {
            normalized = name.Trim().Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            return (null, "The username is not valid Unicode text.");
        }

        if (Length(normalized) is 0 or > NameLengthMax)
        {
            return (null, $"The username must have 1 to {NameLengthMax} characters.");
        }

        if (normalized.Any(char.IsControl))
        {
            return (null, "The username must not contain control characters.");
        }

        return Length(password) > PasswordLengthMax
            ? (null, $"The password must have at most {PasswordLengthMax} characters.")
            : (new Credentials(normalized, password), null);
    }

    private static int Length(string text) => text.EnumerateRunes().Count();
}

/// <summary>The JSON body of <c>POST /login</c>.</summary>
internal sealed record LoginRequest(string? Username, string? Password);

/// <summary>The JSON answer of <c>POST /login</c>.</summary>
/// <param name="AccessToken">The JWT.</param>
/// <param name="TokenType">Always <c>Bearer</c>.</param>
/// <param name="ExpiresIn">Its lifetime in seconds.</param>
/// <param name="UserId">Whose it is.</param>
internal sealed record LoginResponse(string AccessToken, string TokenType, long ExpiresIn, string UserId);

/// <summary>JSON of the login.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(LoginResponse))]
internal sealed partial class LoginJson : JsonSerializerContext;
