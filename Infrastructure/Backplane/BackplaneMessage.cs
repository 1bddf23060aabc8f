using System.Globalization;
using System.Text;

namespace TimerSync.Infrastructure.Backplane;

/// <summary>
/// What nodes tell each other: the payload of a NOTIFY, words with a space between. Hints all of them: what they say is read
/// from the tables, and what does not look like this is ignored.
/// </summary>
internal static class BackplaneMessage
{
    /// <summary>The channel; PostgreSQL keeps those of one database apart from those of another.</summary>
    public const string Channel = "timersync";

    /// <summary>First word of committed versions: the node, then <c>user:version</c> of each user.</summary>
    public const string Timers = "timers";

    /// <summary>First word of an ended login session: the node, the user, the session.</summary>
    public const string SessionEnded = "session";

    /// <summary>First word of a sign of life: the node.</summary>
    public const string Canary = "canary";

    /// <summary>The longest payload that PostgreSQL takes.</summary>
    private const int BytesMax = 7999;

    /// <summary>Names this process, so that it can tell its own messages.</summary>
    public static readonly string Node = Guid.NewGuid().ToString("N")[..12];

    /// <summary>One payload, or more where one would be too long.</summary>
    public static List<string> OfTimers(IEnumerable<KeyValuePair<string, long>> versions)
    {
        var payloads = new List<string>();
        var payload = new StringBuilder();
        foreach (var (userId, version) in versions)
        {
            var word = string.Create(CultureInfo.InvariantCulture, $" {userId}:{version}");
            if (payload.Length + word.Length > BytesMax) // ids are ASCII
            {
                payloads.Add(payload.ToString());
                payload.Clear();
            }

            if (payload.Length == 0)
            {
                payload.Append(Timers).Append(' ').Append(Node);
            }

            payload.Append(word);
        }

        if (payload.Length > 0)
        {
            payloads.Add(payload.ToString());
        }

        return payloads;
    }

    public static string OfSession(string userId, string sessionId) => $"{SessionEnded} {Node} {userId} {sessionId}";

    /// <summary>A user's part of <see cref="Timers"/>.</summary>
    public static bool TryReadVersion(string word, out string userId, out long version)
    {
        var colon = word.LastIndexOf(':');
        userId = word[..Math.Max(colon, 0)];
        return long.TryParse(word.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out version) && colon > 0;
    }
}
