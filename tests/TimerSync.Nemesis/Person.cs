namespace TimerSync.Nemesis;

/// <summary>One user: the devices share an account, a history, and the presses that are left to make.</summary>
internal sealed class Person(Account account, int operations)
{
    private volatile int _operations = operations;
    private int _taken;

    /// <summary>Everybody is the next one's stranger.</summary>
    public static List<Person> Make(IReadOnlyList<Account> accounts, int operations)
    {
        var people = accounts.Select(account => new Person(account, operations)).ToList();
        for (var i = 0; i < people.Count; i++)
        {
            people[i].Stranger = people.Count > 1 ? people[(i + 1) % people.Count] : null;
        }

        return people;
    }

    public Account Account { get; } = account;

    public History History { get; } = new(account.UserId);

    /// <summary>Somebody whose ids are not this one's to use.</summary>
    public Person? Stranger { get; set; }

    public int OperationsDone => Math.Min(_operations, Volatile.Read(ref _taken));

    /// <summary>No more presses.</summary>
    public void Stop() => _operations = 0;

    /// <returns>False when all have been made.</returns>
    public bool TryTakeOperation() => Interlocked.Increment(ref _taken) <= _operations;
}
