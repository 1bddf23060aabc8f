using System.Globalization;
using System.Runtime.CompilerServices;

namespace TimerSync.Simulation;

/// <summary>A text that is only put together when it is wanted: most steps are not traced, and most requirements hold.</summary>
[InterpolatedStringHandler]
internal ref struct LazyText
{
    private DefaultInterpolatedStringHandler _text;

    public LazyText(int literalLength, int formattedCount, World world, out bool isWanted)
        : this(literalLength, formattedCount, !world.IsTraced, out isWanted)
    {
    }

    public LazyText(int literalLength, int formattedCount, bool holds, out bool isWanted)
    {
        isWanted = !holds;
        _text = isWanted ? new(literalLength, formattedCount, CultureInfo.InvariantCulture) : default;
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    public string ToStringAndClear() => _text.ToStringAndClear();
}
