using System.Data.Common;
using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Web;

/// <summary>What keeps the server from starting and is not a bug: one line that says what to change (CONTRACT.md, section 5).</summary>
internal static class StartupProblem
{
    /// <returns>Null for what deserves a stack trace.</returns>
    public static string? Describe(Exception exception) => exception switch
    {
        OptionsValidationException invalid => string.Join(' ', invalid.Failures),
        AggregateException { InnerExceptions: [OptionsValidationException first, ..] } => Describe(first),
        // The configuration binder: "Failed to convert configuration value 'x' at 'Socket:CommandBurst' to type …"
        InvalidOperationException { InnerException: FormatException or ArgumentException or OverflowException } unreadable => unreadable.Message,
        DbException unusable => $"Database:ConnectionString: {unusable.Message}",
        UnauthorizedAccessException denied => $"Database:ConnectionString: {denied.Message}",
        DirectoryNotFoundException missing => $"Database:ConnectionString: {missing.Message}",
        FormatException address => $"urls: {address.Message}",
        IOException inUse => $"urls: {inUse.Message}",
        _ => null,
    };
}
