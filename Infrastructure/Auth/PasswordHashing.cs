namespace TimerSync.Infrastructure.Auth;

/// <summary>How slow the framework's password hasher (PBKDF2 with HMAC-SHA-512) is made.</summary>
internal static class PasswordHashing
{
    /// <summary>OWASP, Password Storage Cheat Sheet: at least 210,000 for this function; older hashes are raised at the next login.</summary>
    public const int Iterations = 220_000;
}
