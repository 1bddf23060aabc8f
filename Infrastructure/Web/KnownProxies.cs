using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace TimerSync.Infrastructure.Web;

/// <summary>Whose word on a request's real sender is believed: section <c>ForwardedHeaders</c> (docs/DEPLOY.md).</summary>
internal sealed class ProxyOptions
{
    public const string Section = "ForwardedHeaders";

    /// <summary>
    /// Addresses or networks of the proxies, with commas: <c>127.0.0.1, 10.0.0.0/8</c>. Default: none, and what such a header
    /// says is ignored.
    /// </summary>
    public string KnownProxies { get; set; } = "";

    /// <returns>Null where an entry is neither an address nor a network.</returns>
    public IReadOnlyList<IPNetwork>? Networks()
    {
        var networks = new List<IPNetwork>();
        foreach (var entry in KnownProxies.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (IPAddress.TryParse(entry, out var address))
            {
                networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            }
            else if (IPNetwork.TryParse(entry, out var network))
            {
                networks.Add(network);
            }
            else
            {
                return null;
            }
        }

        return networks;
    }
}

/// <summary>Refuses what the server could not work with, naming the key.</summary>
internal sealed class ValidateProxyOptions : IValidateOptions<ProxyOptions>
{
    public ValidateOptionsResult Validate(string? name, ProxyOptions options) => options.Networks() is null
        ? ValidateOptionsResult.Fail(
            $"ForwardedHeaders:KnownProxies must be addresses or networks such as 127.0.0.1 or 10.0.0.0/8, with commas, not '{options.KnownProxies}'.")
        : ValidateOptionsResult.Success;
}

/// <summary>Takes the sender's address and scheme from <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c>, from known proxies alone.</summary>
internal static class KnownProxies
{
    public static void AddKnownProxies(this IServiceCollection services)
    {
        services.AddOptions<ProxyOptions>().BindConfiguration(ProxyOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ProxyOptions>, ValidateProxyOptions>();
        services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<ProxyOptions>>((headers, proxies) =>
        {
            headers.ForwardLimit = null; // as many as are known, one behind the other
            headers.KnownProxies.Clear();
            headers.KnownIPNetworks.Clear();
            foreach (var network in proxies.Value.Networks() ?? [])
            {
                headers.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
                headers.KnownIPNetworks.Add(network);
            }
        });
    }
}
