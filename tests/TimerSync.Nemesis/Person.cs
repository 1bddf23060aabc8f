namespace TimerSync.Nemesis;

/// <summary>One user: the devices share an account, a history, and the presses that are left to make.</summary>
internal sealed class Person(Account account, int operations)
{
    private volatile int _operations = operations;

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

    public int OperationsDone => History.Count;

    /// <summary>No more presses.</summary>
    public void Stop() => _operations = 0;

    /// <summary>Whether presses are left to make. Reads do not count.</summary>
    public bool HasOperationsLeft => History.Count < _operations;
}
