namespace TimerSync.EndToEnd;

/// <summary>For tests that measure moments: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
