using System.Globalization;
using System.Security.Cryptography;
using TimerSync.Tests;

[assembly: AssemblyFixture(typeof(ConfiguredServer))]

namespace TimerSync.Tests;

/// <summary>One server for all tests of settings that get along with each other.</summary>
public sealed class ConfiguredServer : IAsyncLifetime
{
    public const string PublicOrigin = "https://timer.example.org";
    public const int MinPasswordLength = 12;

    /// <summary>The server's <c>Jwt:SigningKey</c>.</summary>
    public byte[] Key { get; } = RandomNumberGenerator.GetBytes(32);

    public TimerSyncServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await TimerSyncServer.StartAsync(
        ("Jwt:SigningKey", Convert.ToBase64String(Key)),
        ("PublicOrigin", PublicOrigin),
        ("Login:MinPasswordLength", MinPasswordLength.ToString(CultureInfo.InvariantCulture)));

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}
