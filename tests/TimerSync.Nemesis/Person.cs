namespace TimerSync.Nemesis;

/// <summary>One user: the devices share an account, a history, and the presses that are left to make.</summary>
internal sealed class Person(Account account, int operations)
{
    private readonly int _operations = operations;
    private int _taken;

    public Account Account { get; } = account;

    public History History { get; } = new(account.UserId);

    /// <summary>Somebody whose ids are not this one's to use.</summary>
    public Person? Stranger { get; set; }

    public int OperationsDone => Math.Min(_operations, Volatile.Read(ref _taken));

    /// <returns>False when all have been made.</returns>
    public bool TryTakeOperation() => Interlocked.Increment(ref _taken) <= _operations;
}
