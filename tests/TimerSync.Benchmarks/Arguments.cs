using System.Globalization;

namespace TimerSync.Benchmarks;

/// <summary>Command line of the form <c>--name value</c>; every name that is given must be asked for.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public Arguments(IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
            {
                throw new ArgumentException($"'{arguments[i]}' is no option: they are given as --name value.", nameof(arguments));
            }

            var isFlag = i + 1 == arguments.Count || arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            _values[arguments[i][2..]] = isFlag ? "true" : arguments[++i];
        }
    }

    public string? Text(string name)
    {
        _asked.Add(name);
        return _values.GetValueOrDefault(name);
    }

    public string Text(string name, string otherwise) => Text(name) ?? otherwise;

    public int Number(string name, int otherwise) =>
        Text(name) is { } value ? int.Parse(value, NumberStyles.Integer | NumberStyles.AllowThousands, CultureInfo.InvariantCulture) : otherwise;

    public bool Flag(string name) => Text(name) is { } value && bool.Parse(value);

    /// <summary>Options with a colon are the server's settings and are passed on.</summary>
    public IEnumerable<string> ServerSettings() => _values.Where(one => one.Key.Contains(':', StringComparison.Ordinal))
        .Select(one => $"--{one.Key}={one.Value}");

    /// <exception cref="FormatException">One was given that nothing asked for.</exception>
    public void RequireNoOthers()
    {
        var unknown = _values.Keys.Where(name => !_asked.Contains(name) && !name.Contains(':', StringComparison.Ordinal)).ToArray();
        if (unknown.Length > 0)
        {
            throw new FormatException($"Unknown: --{string.Join(", --", unknown)}. Known: --{string.Join(", --", _asked.Order(StringComparer.Ordinal))}.");
        }
    }
}
