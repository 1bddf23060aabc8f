namespace TimerSync.Benchmarks.Data;

internal static class Seed
{
    public static Task<int> RunAsync(Arguments arguments) => Task.FromResult(arguments.Flag("x") ? 1 : 0);
}
