using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace TimerSync.Benchmarks.Yardsticks;

/// <summary>The floor: a plain Kestrel WebSocket that sends back what it gets. No login, no database.</summary>
internal static class EchoServer
{
    private const int MessageBytesMax = 4096;

    public static async Task<int> RunAsync(string[] options)
    {
        var builder = WebApplication.CreateSlimBuilder(options);
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        app.UseWebSockets();
        app.Run(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[MessageBytesMax];
            try
            {
                while (await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None) is { MessageType: not WebSocketMessageType.Close } part)
                {
                    await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, CancellationToken.None);
                }
            }
            catch (WebSocketException)
            {
                // The peer is gone.
            }
        });
        await app.RunAsync();
        return 0;
    }
}
