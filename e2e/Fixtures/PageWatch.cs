using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace TimerSync.EndToEnd;

/// <summary>
/// What must never happen on any page: an error, a violation of the content security policy, a request to another host.
/// Called from the browser's event thread; read when the test is over.
/// </summary>
public sealed class PageWatch
{
    /// <summary>The console is the way out: it survives the page's next navigation.</summary>
    public const string InitScript =
        "addEventListener('securitypolicyviolation', e => console.error(`CSP: ${e.effectiveDirective} ${e.blockedURI} ${e.sample}`));";

    private readonly string[] _authorities;
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ConcurrentQueue<string> _sent = new();

    private PageWatch(IPage page, string[] authorities)
    {
        Page = page;
        _authorities = authorities;
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" or "assert")
            {
                _problems.Enqueue($"console {message.Type}: {message.Text} ({message.Location})");
            }
        };
        page.PageError += (_, error) => _problems.Enqueue($"page error: {error}");
        page.Crash += (_, _) => _problems.Enqueue("The page crashed.");
        page.Request += (_, request) => CheckHost(request.Url);
        page.WebSocket += (_, socket) =>
        {
            CheckHost(socket.Url);
            socket.FrameSent += (_, frame) => _sent.Enqueue(frame.Text ?? "");
        };
    }

    public IPage Page { get; }

    /// <summary>Every message that the page put on a socket, over all its connections.</summary>
    public IEnumerable<string> Sent => _sent;

    /// <param name="page">From now on watched.</param>
    /// <param name="authorities">Hosts with ports that the page may talk to.</param>
    public static PageWatch Start(IPage page, params string[] authorities) => new(page, authorities);

    /// <param name="allowed">Console errors that the test brings about.</param>
    public IEnumerable<string> Problems(IReadOnlyCollection<Regex> allowed) =>
        _problems.Where(problem => !allowed.Any(regex => regex.IsMatch(problem)));

    private void CheckHost(string url)
    {
        var uri = new Uri(url);
        if (uri.Scheme is "http" or "https" or "ws" or "wss" && !_authorities.Contains(uri.Authority, StringComparer.OrdinalIgnoreCase))
        {
            _problems.Enqueue($"request to another host: {url}");
        }
    }
}
