using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;

namespace TimerSync.Benchmarks.Load;

/// <summary>What was understood of a message of the server.</summary>
/// <param name="Command">Number of the user's command that led to it; -1 for a state that none of this run led to.</param>
/// <param name="Version">Of the user's timers.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TimerEvent(long Command, long Version);

/// <summary>
/// How a server is spoken to: TimerSync's two subprotocols, the echo and SignalR's JSON protocol differ in a few marks only,
/// and are searched rather than parsed.
/// </summary>
internal sealed class Dialect
{
    private const int UuidLength = 36;
    private const int RunDigits = 12;

    private const string Start = "{\"action\":\"timer_start\",\"id\":\"";
    private const string Stop = "{\"action\":\"timer_stop\",\"id\":\"";

    // Ids of one run of the program differ from those of any other: {user}-{salt}-4{salt}-8000-{run}.
    private static readonly string Salt = Guid.NewGuid().ToString("D")[..13];

    private readonly byte[] _start;
    private readonly byte[] _stop;
    private readonly byte[] _afterId;
    private readonly byte[] _idMark;
    private readonly byte[] _runningMark;
    private readonly byte[]? _versionMark;
    private readonly byte[]? _errorMark;
    private readonly byte[] _codeMark;

    private Dialect(
        string name, string path, string? subprotocol, string start, string stop, string afterId,
        string idMark, string runningMark, string? versionMark, string? errorMark, string codeMark)
    {
        (Name, Path, Subprotocol) = (name, path, subprotocol);
        (_start, _stop, _afterId) = (Utf8(start), Utf8(stop), Utf8(afterId));
        (_idMark, _runningMark, _codeMark) = (Utf8(idMark), Utf8(runningMark), Utf8(codeMark));
        _versionMark = versionMark is null ? null : Utf8(versionMark);
        _errorMark = errorMark is null ? null : Utf8(errorMark);
    }

    public static Dialect Json { get; } = new(
        "json", "/ws", "timersync.v1.json", Start, Stop, "\"}",
        "\"id\":\"", "\"status\":\"running\"", "\"version\":", "{\"event\":\"error\"", "\"code\":\"");

    /// <summary>As the page does: JSON there, HTML fragments back.</summary>
    public static Dialect Html { get; } = new(
        "html", "/ws", "timersync.v1.html", Start, Stop, "\"}",
        "data-id=\"", "data-status=\"running\"", "data-version=\"", "<p id=\"error\"", "data-code=\"");

    /// <summary>Gets its own command back.</summary>
    public static Dialect Echo { get; } = new(
        "echo", "/ws", null, Start, Stop, "\"}",
        "\"id\":\"", "\"action\":\"timer_start\"", null, null, "\"code\":\"");

    /// <summary>Records end in 0x1E, and a handshake comes first.</summary>
    public static Dialect SignalR { get; } = new(
        "signalr", "/hub", null,
        "{\"type\":1,\"target\":\"Start\",\"arguments\":[\"", "{\"type\":1,\"target\":\"Stop\",\"arguments\":[\"", "\"]}\u001e",
        "\"id\":\"", "\"status\":\"running\"", "\"version\":", "\"target\":\"error\"", "\"code\":\"")
    {
        Hello = Utf8("{\"protocol\":\"json\",\"version\":1}\u001e"),
        Separator = 0x1E,
    };

    public string Name { get; }

    public string Path { get; }

    public string? Subprotocol { get; }

    /// <summary>First message after the upgrade; null for none.</summary>
    public byte[]? Hello { get; private init; }

    /// <summary>Ends each of several records of one message; null when a message is one event.</summary>
    public byte? Separator { get; private init; }

    /// <summary>An echo reaches nobody but its sender.</summary>
    public bool HasListeners => this != Echo;

    public static Dialect Named(string name) => name switch
    {
        "json" => Json,
        "html" => Html,
        "echo" => Echo,
        "signalr" => SignalR,
        _ => throw new ArgumentException($"Subprotocols are json and html, not '{name}'.", nameof(name)),
    };

    /// <summary>Writes a command's message.</summary>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> message, User user, long command)
    {
        var before = command % 2 == 0 ? _start : _stop;
        before.CopyTo(message);
        var id = message.Slice(before.Length, UuidLength);
        Utf8Formatter.TryFormat((uint)user.Number, id, out _, new('x', 8));
        id[8] = (byte)'-';
        Encoding.ASCII.GetBytes(Salt.AsSpan(0, 4), id[9..]);
        id[13] = (byte)'-';
        id[14] = (byte)'4';
        Encoding.ASCII.GetBytes(Salt.AsSpan(4, 3), id[15..]);
        "-8000-"u8.CopyTo(id[18..]);
        Utf8Formatter.TryFormat((ulong)command / 2, id[^RunDigits..], out _, new('x', RunDigits));
        _afterId.CopyTo(message[(before.Length + UuidLength)..]);
        return before.Length + UuidLength + _afterId.Length;
    }

    /// <returns>The code of an error event; null for any other message.</returns>
    public string? ReadError(ReadOnlySpan<byte> message)
    {
        if (_errorMark is null || message.IndexOf(_errorMark) < 0)
        {
            return null;
        }

        var code = message[(message.IndexOf(_codeMark) + _codeMark.Length)..];
        return Encoding.UTF8.GetString(code[..code.IndexOf((byte)'"')]);
    }

    /// <returns>Null for what is no timer.</returns>
    public TimerEvent? ReadTimer(ReadOnlySpan<byte> message)
    {
        var command = ReadCommand(message);
        if (_versionMark is null)
        {
            return command < 0 ? null : new TimerEvent(command, command + 1);
        }

        var at = message.IndexOf(_versionMark);
        return at < 0 || !Utf8Parser.TryParse(message[(at + _versionMark.Length)..], out long version, out _)
            ? null
            : new TimerEvent(command, version);
    }

    private long ReadCommand(ReadOnlySpan<byte> message)
    {
        var at = message.IndexOf(_idMark);
        if (at < 0 || message.Length < at + _idMark.Length + UuidLength)
        {
            return -1;
        }

        var id = message.Slice(at + _idMark.Length, UuidLength);
        return IsSalted(id) && Utf8Parser.TryParse(id[^RunDigits..], out long run, out _, 'x')
            ? (2 * run) + (message.IndexOf(_runningMark) >= 0 ? 0 : 1)
            : -1;
    }

    private static bool IsSalted(ReadOnlySpan<byte> id)
    {
        for (var i = 0; i < 4; i++)
        {
            if (id[9 + i] != Salt[i])
            {
                return false;
            }
        }

        return true;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
