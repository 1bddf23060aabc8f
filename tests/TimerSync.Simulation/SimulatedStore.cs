using System.Data.Common;
using TimerSync.Infrastructure.Timers;

namespace TimerSync.Simulation;

/// <summary>What happens to one commit.</summary>
internal enum CommitFate
{
    Succeeds,

    /// <summary>The database refuses: locked, full.</summary>
    Refused,

    /// <summary>The machine stops before anything is stored.</summary>
    CrashBefore,

    /// <summary>The machine stops after it is stored, before anybody hears of it.</summary>
    CrashAfter,
}

/// <summary>
/// The write path's seam: stores on the disk of the simulation, slowly, with all that can go wrong. While a commit takes its
/// time, everything else goes on: connections come, read and close before and after the moment that it becomes durable.
/// </summary>
internal sealed class SimulatedStore(World world, IDisk disk) : ITimerStore
{
    public CommandResult[] Commit(IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        if (commands.Count == 0)
        {
            return [];
        }

        world.Trace($"commit of {commands.Count} begins");
        var fate = world.NextCommitFate();
        world.LetOthersRun();
        if (fate == CommitFate.Refused)
        {
            world.Judge.Refused(commands);
            throw new SimulatedDbException();
        }

        if (fate == CommitFate.CrashBefore)
        {
            throw Crash("before a commit");
        }

        var results = Store(commands, now);
        world.Judge.Committed(commands, results, disk);
        world.LetOthersRun();
        return fate == CommitFate.CrashAfter ? throw Crash("after a commit") : results;
    }

    public void AfterAnswers(bool isIdle) => disk.AfterAnswers(isIdle);

    public void Dispose()
    {
    }

    private CommandResult[] Store(IReadOnlyList<TimerCommand> commands, DateTimeOffset now)
    {
        try
        {
            return disk.Commit(commands, now);
        }
        catch (Exception exception)
        {
            world.Judge.Fail($"the store fails: {exception}");
            throw;
        }
    }

    /// <summary>Leaves the writer's method; what it still does goes nowhere.</summary>
    private InvalidOperationException Crash(string when)
    {
        world.StopMachine(when);
        return new InvalidOperationException("The machine has stopped.");
    }
}

/// <summary>The database did not take it.</summary>
internal sealed class SimulatedDbException() : DbException("The simulated database refuses.");
