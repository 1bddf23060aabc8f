// Most tests wait for a socket, not for a processor: more of them at a time than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 10)]

namespace TimerSync.Tests;

/// <summary>For tests that measure how long the server takes: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
