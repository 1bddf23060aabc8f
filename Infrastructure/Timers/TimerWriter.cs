using System.Data.Common;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using TimerSync.Infrastructure.Database;
using TimerSync.Infrastructure.Realtime;

namespace TimerSync.Infrastructure.Timers;

/// <summary>
/// The single writer. Commands that wait are committed together (group commit) and only then answered and fanned out, in
/// <c>version</c> order: nobody hears of a change that is not durable. One dedicated thread, because SQLite's calls block.
/// </summary>
internal sealed partial class TimerWriter(
    ITimerStore store, ConnectionHub hub, IOptions<DatabaseOptions> options, TimeProvider clock, ILogger<TimerWriter> logger)
    : IHostedService, IDisposable
{
    /// <summary>Commands of one transaction: past this, a bigger batch no longer pays.</summary>
    public const int CommandsPerCommitMax = 256;

    /// <summary>Commands that may wait; the next one is refused as <c>unavailable</c>.</summary>
    public const int CommandsWaitingMax = 16_384;

    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(
        new BoundedChannelOptions(CommandsWaitingMax) { SingleReader = true });

    /// <summary>
    /// Of a commit of so many at most, this thread sends the events itself. A thread that is woken for it may have to wait: when another
    /// program uses the processor too, Linux gives it its turn as soon as the server changes threads, and looks again when the next
    /// press arrives (tests/TimerSync.Benchmarks/RESULTS.md). Of more, the next commit would wait for the sending.
    /// </summary>
    private const int CommandsSentHereMax = 8;

    /// <summary>A commit of so many is one of a load as heavy as the server can carry: below, it keeps up with fewer at a time.</summary>
    private const int HeavyCommit = 32;

    /// <summary>So many more heavy commits than light ones, or the other way round, change what the load is taken for.</summary>
    private const int CommitsToChange = 16;

    /// <summary>So long without a command, and the load was heavy.</summary>
    private static readonly TimeSpan HeavyLoadEnd = TimeSpan.FromMilliseconds(100);

    /// <summary>After a failed commit: how soon an empty one is tried, so that the server recovers without a command.</summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>For the last commits; past it the process ends with them, as in a crash: whole or not at all.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(3);

    // To wait for the queue's own task takes four switches of threads more for each press, and the press waits for them.
    private readonly AutoResetEvent _arrived = new(initialState: false);

    private readonly int _commandsPerCommit = options.Value.CommandsPerCommit;

    // Kept, and empty between two commits.
    private readonly List<Waiting> _batch = [];
    private readonly List<TimerCommand> _commands = [];

    private int _heavyCommits;
    private bool _isHeavy;

    private volatile bool _lastCommitSucceeded = true;
    private Thread? _thread;

    /// <summary>Whether the last commit succeeded; decides <c>GET /readyz</c> together with a read.</summary>
    public bool LastCommitSucceeded => _lastCommitSucceeded;

    /// <summary>Stores one command. Any thread.</summary>
    /// <returns>Completes once the command is durable and handed to every connection, or was refused.</returns>
    public ValueTask<CommandResult> WriteAsync(TimerCommand command)
    {
        var waiting = new Waiting(command);
        if (!_queue.Writer.TryWrite(waiting))
        {
            return ValueTask.FromResult(CommandResult.Unavailable);
        }

        _arrived.Set();
        return new ValueTask<CommandResult>(waiting.Task);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Run) { Name = nameof(TimerWriter), IsBackground = true };
        _thread.Start();
        return Task.CompletedTask;
    }

    /// <summary>
    /// Commits what still waits, then ends. The web host has stopped by now: nothing new arrives. Also when that took all of
    /// the host's time, for what is in hand is nearly done.
    /// </summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _queue.Writer.TryComplete();
        _arrived.Set();
        return Task.Run(() => _thread?.Join(StopTimeout), CancellationToken.None);
    }

    public void Dispose() => _arrived.Dispose();

    private void Run()
    {
        while (!_queue.Reader.Completion.IsCompleted)
        {
            if (!_arrived.WaitOne(!LastCommitSucceeded ? RetryInterval : _isHeavy ? HeavyLoadEnd : Timeout.InfiniteTimeSpan))
            {
                if (LastCommitSucceeded)
                {
                    UseTimeSlice(isHeavy: false);
                }
                else
                {
                    CommitWaiting();
                }
            }

            while (_queue.Reader.TryPeek(out _))
            {
                LetOthersCome();
                CommitWaiting();
            }
        }
    }

    /// <summary>
    /// Who is about to bring a command goes first, where they share a processor: a commit of more commands writes and flushes less
    /// for each. Not for one that is alone, and no longer than each turn brings another one.
    /// </summary>
    private void LetOthersCome()
    {
        var before = 1;
        for (var count = _queue.Reader.Count; count > before && count < _commandsPerCommit; count = _queue.Reader.Count)
        {
            before = count;
            Thread.Yield();
        }
    }

    /// <summary>One group commit of what waits now, which may be nothing, then the answers. Called by the writer's thread alone.</summary>
    internal void CommitWaiting()
    {
        while (_batch.Count < _commandsPerCommit && _queue.Reader.TryRead(out var next))
        {
            _batch.Add(next);
            _commands.Add(next.Command);
        }

        CommitBatch();
        _batch.Clear();
        _commands.Clear();
    }

    private void CommitBatch()
    {
        CommandResult[] results;
        try
        {
            results = store.Commit(_commands, clock.GetUtcNowMilliseconds());
            _lastCommitSucceeded = true;
        }
        catch (Exception exception)
        {
            // Whatever it was, the thread must live on: every later command depends on it.
            if (_batch.Count > 0 || LastCommitSucceeded)
            {
                LogCommitFailed(exception, _batch.Count, exception is DbException { SqlState: var state } ? state : null);
            }

            _lastCommitSucceeded = false;
            var told = exception is CommitUnknownException ? CommandResult.Unknown : CommandResult.Unavailable;
            _batch.ForEach(waiting => waiting.SetResult(told));
            return;
        }

        foreach (var result in results)
        {
            // A repeat too: when it was stored by a commit that was reported as failed, nobody has heard of it yet. Connections
            // ignore what they know.
            if (result.Outcome is CommandOutcome.Changed or CommandOutcome.Repeated)
            {
                hub.Publish(result.Snapshot!, here: results.Length <= CommandsSentHereMax);
            }
        }

        // Last, for it wakes a thread: nobody waits for that any more.
        for (var i = 0; i < results.Length; i++)
        {
            _batch[i].SetResult(results[i]);
        }

        Thread.Yield(); // on one processor, who sends goes first
        store.AfterAnswers(isIdle: _queue.Reader.Count == 0);
        NoteLoad();
    }

    private void NoteLoad()
    {
        _heavyCommits = Math.Clamp(_heavyCommits + (_batch.Count >= HeavyCommit ? 1 : -1), 0, CommitsToChange);
        if (_heavyCommits == (_isHeavy ? 0 : CommitsToChange))
        {
            UseTimeSlice(!_isHeavy);
        }
    }

    private void UseTimeSlice(bool isHeavy)
    {
        (_isHeavy, _heavyCommits) = (isHeavy, isHeavy ? CommitsToChange : 0);
        TimeSlice.Use(isHeavy);
    }

    [LoggerMessage(LogLevel.Error, "A commit of {Commands} commands failed (state {SqlState}); their senders were told")]
    private partial void LogCommitFailed(Exception exception, int commands, string? sqlState);

    private sealed class Waiting(TimerCommand command) : TaskCompletionSource<CommandResult>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TimerCommand Command { get; } = command;
    }
}
