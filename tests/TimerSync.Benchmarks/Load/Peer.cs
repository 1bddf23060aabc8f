using System.Net.Sockets;

namespace TimerSync.Benchmarks.Load;

/// <summary>What a peer does beside keeping its connection.</summary>
internal enum Role
{
    /// <summary>Sends the user's commands; hears its own events too.</summary>
    Sender,

    /// <summary>Hears the user's events: latency is taken here.</summary>
    Listener,

    /// <summary>Connected, and nothing else.</summary>
    Idle,

    /// <summary>Connected, and reads nothing until it is told to.</summary>
    SlowReader,
}

internal enum PeerState
{
    Waiting,
    Connecting,
    Upgrading,
    Open,
}

/// <summary>One WebSocket connection of the load program: a socket and the few numbers that are checked on it.</summary>
internal sealed class Peer(int index, User user, Role role)
{
    public int Index { get; } = index;

    public User User { get; } = user;

    public Role Role { get; } = role;

    public PeerState State { get; set; }

    public Socket? Socket { get; set; }

    /// <summary>The descriptor of <see cref="Socket"/>.</summary>
    public int Descriptor { get; set; }

    /// <summary>Whether it reads at the moment.</summary>
    public bool IsReading { get; set; } = role != Role.SlowReader;

    /// <summary>The beginning of a frame whose end has not arrived; null for most, most of the time.</summary>
    public byte[]? Unparsed { get; set; }

    /// <summary>What the socket did not take yet.</summary>
    public List<byte>? Unsent { get; set; }

    /// <summary>How often it has tried to connect since it last was connected.</summary>
    public int Attempts { get; set; }

    /// <summary>Of the last event; -1 before the first one of this connection.</summary>
    public long Version { get; set; } = -1;

    /// <summary>Last close code that the server sent; 0 for none.</summary>
    public int CloseCode { get; set; }
}

/// <summary>One account, with the commands that it has sent and not yet heard of.</summary>
internal sealed class User(string id, string token)
{
    /// <summary>Commands under way whose moment is remembered; a power of two.</summary>
    private const int Remembered = 256;

    private static int s_made;

    private readonly long[] _intendedAt = new long[Remembered];

    /// <summary>Part of the ids of its commands: the same account of a further run, on a database that is kept, has new ones.</summary>
    public int Number { get; } = Interlocked.Increment(ref s_made);

    public string Id { get; } = id;

    public string Token { get; } = token;

    public Peer? Sender { get; set; }

    public Peer? Listener { get; set; }

    /// <summary>Number of the next command: even ones start a run, odd ones stop it.</summary>
    public long Next { get; set; }

    /// <summary>Number of the last command that the listener has heard of; -1 before the first.</summary>
    public long Heard { get; set; } = -1;

    /// <summary>Commands sent of which nothing has been heard: neither an event nor a refusal nor the end of the connection.</summary>
    public long UnderWay { get; set; }

    /// <summary>When a command was meant to be sent, in stopwatch ticks.</summary>
    public ref long IntendedAt(long command) => ref _intendedAt[command & (Remembered - 1)];

    public bool Remembers(long command) => command >= 0 && command < Next && Next - command <= Remembered;
}
