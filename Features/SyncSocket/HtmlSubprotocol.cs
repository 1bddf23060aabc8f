using System.Text;
using TimerSync.Features.GetTimer;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Features.SyncSocket;

/// <summary>The same events as HTML fragments, each of which htmx puts in the place of the element with its id.</summary>
internal sealed class HtmlSubprotocol(FragmentRenderer renderer) : ISubprotocol
{
    public string Name => "timersync.v1.html";

    public int Index => 1;

    public async Task<ReadOnlyMemory<byte>> EncodeAsync(ServerEvent serverEvent) => Encoding.UTF8.GetBytes(serverEvent switch
    {
        TimerUpdated timer => await renderer.RenderAsync<TimerPanel>((nameof(TimerPanel.Timer), timer.Snapshot)),
        ErrorEvent error => await renderer.RenderAsync<ErrorFragment>(
            (nameof(ErrorFragment.Code), error.Error.Code), (nameof(ErrorFragment.Message), error.Error.Message),
            (nameof(ErrorFragment.Id), error.Error.Id), (nameof(ErrorFragment.Action), error.Error.Action)),
        Pong pong => await renderer.RenderAsync<PongFragment>(
            (nameof(PongFragment.SentAt), pong.SentAt), (nameof(PongFragment.ServerTime), pong.ServerTime)),
        _ => throw new ArgumentException($"{serverEvent.GetType().Name} has no HTML form.", nameof(serverEvent)),
    });
}
