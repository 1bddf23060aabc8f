using Microsoft.Extensions.Options;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>Limits of sockets: section <c>Socket</c> (CONTRACT.md, section 5).</summary>
internal sealed class SocketOptions
{
    public const string Section = "Socket";

    /// <summary>The next one is closed with 4429. Default: 50.</summary>
    public int ConnectionsPerUser { get; set; } = 50;

    /// <summary>Messages that a connection may send in the long run. Default: 20.</summary>
    public int CommandsPerSecond { get; set; } = 20;

    /// <summary>Messages that it may send at once. Default: 60.</summary>
    public int CommandBurst { get; set; } = 60;
}

/// <summary>Refuses what the server could not work with, naming the key.</summary>
internal sealed class ValidateSocketOptions : IValidateOptions<SocketOptions>
{
    public ValidateOptionsResult Validate(string? name, SocketOptions options) => options switch
    {
        { ConnectionsPerUser: < 1 } => AtLeastOne("ConnectionsPerUser", options.ConnectionsPerUser),
        { CommandsPerSecond: < 1 } => AtLeastOne("CommandsPerSecond", options.CommandsPerSecond),
        { CommandBurst: < 1 } => AtLeastOne("CommandBurst", options.CommandBurst),
        _ => ValidateOptionsResult.Success,
    };

    private static ValidateOptionsResult AtLeastOne(string key, int value) =>
        ValidateOptionsResult.Fail($"Socket:{key} must be at least 1, not {value}.");
}
