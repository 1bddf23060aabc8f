using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TimerSync.Features.SyncSocket;
using TimerSync.Infrastructure.Realtime;
using TimerSync.Infrastructure.Timers;
using TimerSync.Infrastructure.Web;

namespace TimerSync.Benchmarks.Micro;

/// <summary>What each command costs between its socket and the database, and from there to the sockets: time and memory.</summary>
[MemoryDiagnoser]
public class PieceBenchmarks
{
    private const string UserId = "u_0199483c35d07a0f8000c0ffee000001";

    private static readonly DateTimeOffset Now = new(2025, 9, 15, 20, 15, 1, 120, TimeSpan.Zero);
    private static readonly Run Running = new(Guid.NewGuid(), Now, StoppedAt: null, Now);
    private static readonly TimerCommand Start = new(TimerAction.Start, UserId, Guid.NewGuid(), Now);
    private static readonly TimerSnapshot Snapshot = TimerSnapshot.Of(UserId, Running, version: 41, "b7c1a2d3e4f5061728394a5b6c7d8e9f", Now);

    private readonly byte[] _message = Encoding.UTF8.GetBytes(
        $$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}","user_id":"{{UserId}}","started_at":"2025-09-15T20:15:00Z","sent_at":"2025-09-15T20:15:00Z"}""");

    private readonly ServiceProvider _services = new ServiceCollection().AddLogging().BuildServiceProvider();
    private JsonSubprotocol _json = null!;
    private HtmlSubprotocol _html = null!;

    [GlobalSetup]
    public void Setup() => (_json, _html) = (
        new JsonSubprotocol(), new HtmlSubprotocol(new FragmentRenderer(_services, _services.GetRequiredService<ILoggerFactory>())));

    [GlobalCleanup]
    public void Cleanup() => _services.Dispose();

    [Benchmark]
    public object Rule() => TimerRule.Decide(Start, existing: null, Running, Now);

    [Benchmark]
    public object Parse() => ClientMessage.Parse(_message, UserId, Now);

    [Benchmark]
    public async Task<int> EncodeJson() => (await _json.EncodeAsync(new TimerUpdated(Snapshot))).Length;

    [Benchmark]
    public async Task<int> RenderHtml() => (await _html.EncodeAsync(new TimerUpdated(Snapshot))).Length;
}
