using System.Net.WebSockets;

namespace TimerSync.Infrastructure.Realtime;

/// <summary>The contract's close codes (CONTRACT.md, section 3, Closing).</summary>
internal static class CloseCodes
{
    /// <summary>The peer closed, or nothing is wrong (RFC 6455, 7.4.1).</summary>
    public const WebSocketCloseStatus Normal = WebSocketCloseStatus.NormalClosure;

    /// <summary>A message over 4 KiB. The client stops sending it.</summary>
    public const WebSocketCloseStatus MessageTooBig = WebSocketCloseStatus.MessageTooBig;

    /// <summary>The server goes down or restarts. The client reconnects, with jitter.</summary>
    public const WebSocketCloseStatus ServiceRestart = (WebSocketCloseStatus)1012;

    /// <summary>The token expired or was revoked. The client logs in again.</summary>
    public const WebSocketCloseStatus LoginRequired = (WebSocketCloseStatus)4401;

    /// <summary>Too many connections of one user, or a flood. The client backs off.</summary>
    public const WebSocketCloseStatus TooMany = (WebSocketCloseStatus)4429;
}
