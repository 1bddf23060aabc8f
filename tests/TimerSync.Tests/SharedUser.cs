namespace TimerSync.Tests;

/// <summary>One user of the shared server for all tests of a class that leave no trace: an account costs its password's hash.</summary>
public sealed class SharedUser(SharedServer shared) : IAsyncLifetime
{
    public TestUser User { get; private set; } = null!;

    public async ValueTask InitializeAsync() => User = await TestUser.SignUpAsync(shared.Server);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
