using System.IO.Pipelines;

namespace TimerSync.Simulation;

/// <summary>
/// Stands for the thread pool: everything that an <c>await</c> resumes waits here, and the seed decides what runs next.
/// One thread, so that a seed always leads to the same run.
/// </summary>
internal sealed class SeededScheduler(Random random) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback Callback, object? State)> _ready = [];
    private bool _dead;

    public int Count => _ready.Count;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (!_dead)
        {
            _ready.Add((d, state));
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs one that is ready, whichever the seed picks.</summary>
    public void RunOne()
    {
        var index = random.Next(_ready.Count);
        var (callback, state) = _ready[index];
        _ready[index] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        callback(state);
    }

    /// <summary>The process died: nothing of it runs any more.</summary>
    public void Kill()
    {
        _dead = true;
        _ready.Clear();
    }
}

/// <summary>Sending of a connection, on the same seeded queue.</summary>
internal sealed class SeededPipeScheduler(SeededScheduler scheduler) : PipeScheduler
{
    public override void Schedule(Action<object?> action, object? state) => scheduler.Post(action.Invoke, state);
}
