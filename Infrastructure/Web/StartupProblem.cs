using System.Data.Common;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Web;

/// <summary>What keeps the server from starting and is not a bug: one line that says what to change (CONTRACT.md, section 5).</summary>
internal static class StartupProblem
{
    /// <summary>Starts the server. What fails here, after settings and database, is an address.</summary>
    /// <exception cref="UnusableAddressException">An address of <c>urls</c> cannot be read, or is in use.</exception>
    public static async Task ListenAsync(WebApplication app)
    {
        if (app.Configuration["urls"] is { } urls && string.IsNullOrWhiteSpace(urls))
        {
            throw new UnusableAddressException("there is no address."); // the framework would take one of its own
        }

        try
        {
            await app.StartAsync();
        }
        catch (Exception exception) when (exception
            is IOException or SocketException or FormatException or ArgumentException or InvalidOperationException)
        {
            throw new UnusableAddressException(exception.Message.Split('\n')[0].TrimEnd(), exception);
        }
    }

    /// <returns>Null for what deserves a stack trace.</returns>
    public static string? Describe(Exception exception) => exception switch
    {
        OptionsValidationException invalid => string.Join(' ', invalid.Failures),
        AggregateException { InnerExceptions: [OptionsValidationException first, ..] } => Describe(first),
        // The configuration binder: "Failed to convert configuration value 'x' at 'Socket:CommandBurst' to type …"
        InvalidOperationException { InnerException: FormatException or ArgumentException or OverflowException } unreadable => unreadable.Message,
        DbException unusable => $"Database:ConnectionString: {unusable.Message}",
        UnauthorizedAccessException denied => $"Database:ConnectionString: {denied.Message}",
        IOException unreachable => $"Database:ConnectionString: {unreachable.Message}",
        UnusableAddressException address => $"urls: {address.Message}",
        _ => null,
    };
}

/// <summary>The server cannot listen where <c>urls</c> says.</summary>
internal sealed class UnusableAddressException(string message, Exception? cause = null) : Exception(message, cause);
