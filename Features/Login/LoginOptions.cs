using Microsoft.Extensions.Options;

namespace TimerSync.Features.Login;

/// <summary>Signing in: section <c>Login</c> (CONTRACT.md, section 5).</summary>
internal sealed class LoginOptions
{
    public const string Section = "Login";

    /// <summary>Whether a name seen for the first time makes an account. Default: yes.</summary>
    public bool AllowSignUp { get; set; } = true;

    /// <summary>Of a new account's password, in Unicode code points. Default: 8; 1 in Development.</summary>
    public int MinPasswordLength { get; set; } = 8;

    /// <summary>Failed logins of one name within 5 minutes; then 429. Default: 10.</summary>
    public int FailuresPerName { get; set; } = 10;

    /// <summary>Failed logins from one address within 5 minutes; then 429. Default: 100.</summary>
    public int FailuresPerAddress { get; set; } = 100;

    /// <summary>
    /// How slow hashing a password is made (PBKDF2 with HMAC-SHA-512). Default: 220,000; OWASP's Password Storage Cheat Sheet asks
    /// for 210,000. A hash with fewer is raised at the next login.
    /// </summary>
    public int PasswordHashIterations { get; set; } = 220_000;
}

/// <summary>Refuses what the server could not work with, naming the key.</summary>
internal sealed class ValidateLoginOptions : IValidateOptions<LoginOptions>
{
    /// <summary>For tests: so few that nobody takes them for safe by mistake.</summary>
    private const int PasswordHashIterationsMin = 1000;

    /// <summary>About ten seconds a login.</summary>
    private const int PasswordHashIterationsMax = 10_000_000;

    public ValidateOptionsResult Validate(string? name, LoginOptions options) => options switch
    {
        { MinPasswordLength: < 1 or > Credentials.PasswordLengthMax } =>
            ValidateOptionsResult.Fail($"Login:MinPasswordLength must be from 1 to {Credentials.PasswordLengthMax}, not {options.MinPasswordLength}."),
        { FailuresPerName: < 1 } => ValidateOptionsResult.Fail($"Login:FailuresPerName must be at least 1, not {options.FailuresPerName}."),
        { FailuresPerAddress: < 1 } => ValidateOptionsResult.Fail($"Login:FailuresPerAddress must be at least 1, not {options.FailuresPerAddress}."),
        { PasswordHashIterations: < PasswordHashIterationsMin or > PasswordHashIterationsMax } => ValidateOptionsResult.Fail(
            $"Login:PasswordHashIterations must be from {PasswordHashIterationsMin} to {PasswordHashIterationsMax}, not {options.PasswordHashIterations}."),
        _ => ValidateOptionsResult.Success,
    };
}
