using System.Net;
using System.Net.Sockets;

namespace TimerSync.Tests.Infrastructure.Web;

/// <summary>A value that makes no sense stops the start with one line that names the key (CONTRACT.md, section 5).</summary>
public sealed class ConfigurationTests
{
    private const string ShortKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA=="; // 31 bytes

    [Theory]
    [InlineData("Login:AllowSignUp", "perhaps")]
    [InlineData("Login:MinPasswordLength", "0")]
    [InlineData("Login:MinPasswordLength", "129")] // longer than a password may be
    [InlineData("Login:FailuresPerName", "0")]
    [InlineData("Login:FailuresPerName", "99999999999")]
    [InlineData("Login:FailuresPerAddress", "0")]
    [InlineData("Login:FailuresPerAddress", "1.5")]
    [InlineData("Login:PasswordHashIterations", "999")]
    [InlineData("Socket:ConnectionsPerUser", "0")]
    [InlineData("Socket:ConnectionsPerUser", "many")]
    [InlineData("Socket:CommandsPerSecond", "0")]
    [InlineData("Socket:CommandsPerSecond", "")]
    [InlineData("Socket:CommandBurst", "0")]
    [InlineData("Jwt:SigningKey", "")]
    [InlineData("Jwt:SigningKey", "not base64")]
    [InlineData("Jwt:SigningKey", ShortKey)]
    [InlineData("Jwt:Lifetime", "00:00:00.999")]
    [InlineData("Jwt:Lifetime", "100000.00:00:00")] // past what a token's clock should ever count
    [InlineData("Jwt:Lifetime", "a week")]
    [InlineData("Database:Provider", "Oracle")]
    [InlineData("Database:ConnectionString", "")]
    [InlineData("Database:ConnectionString", "timersync.db")]
    [InlineData("Database:ConnectionString", "Data Source=:memory:")] // nothing would be durable
    [InlineData("Database:ConnectionString", "Data Source=x.db;Nonsense=1")]
    [InlineData("Database:ConnectionString", "Data Source=missing-folder/x.db")]
    [InlineData("Database:ConnectionString", "Data Source=.")] // a folder
    [InlineData("ForwardedHeaders:KnownProxies", "proxy.example.org")]
    [InlineData("PublicOrigin", "timer.example.org")]
    [InlineData("PublicOrigin", "https://timer.example.org/path")]
    [InlineData("PublicOrigin", "ftp://timer.example.org")]
    [InlineData("urls", "")]
    [InlineData("urls", "nonsense")]
    [InlineData("urls", "http://127.0.0.1:65536")]
    [InlineData("urls", "http://192.0.2.1:5080")] // another machine's (RFC 5737)
    public async Task A_value_that_makes_no_sense_ends_the_start_with_one_line(string key, string value)
    {
        var (exitCode, output) = await TimerSyncServer.RunToEndAsync((key, value));

        Assert.NotEqual(0, exitCode);
        Assert.Contains(key, Assert.Single(output.Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_ends_the_start_with_one_line_that_names_the_address()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://{taken.LocalEndpoint}";

        var (exitCode, output) = await TimerSyncServer.RunToEndAsync(("urls", address));

        Assert.NotEqual(0, exitCode);
        var line = Assert.Single(output.Split('\n'));
        Assert.StartsWith("urls: ", line, StringComparison.Ordinal);
        Assert.Contains(address, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_database_ends_the_start_with_one_line()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, new string('x', 4096), TestContext.Current.CancellationToken);

        var (exitCode, output) = await TimerSyncServer.RunToEndAsync(("Database:ConnectionString", $"Data Source={file}"));

        Assert.NotEqual(0, exitCode);
        Assert.StartsWith("Database:ConnectionString: ", Assert.Single(output.Split('\n')), StringComparison.Ordinal);
        Assert.Equal(4096, new FileInfo(file).Length);
        File.Delete(file);
    }
}
