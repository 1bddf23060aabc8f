using TimerSync.Features.Login;

namespace TimerSync.Tests.Login;

/// <summary>CONTRACT.md, section 6 (names and passwords).</summary>
public sealed class CredentialsTests
{
    private const string Clock = "\U0001F550"; // one code point, two UTF-16 units

    [Theory]
    [InlineData("ada", "ada")]
    [InlineData("  Ada \t", "Ada")] // trimmed, its case kept
    [InlineData("\u00a0\u2003ada\u3000", "ada")] // by any white space
    [InlineData("\nada\r\n", "ada")] // trimmed before control characters are looked for
    [InlineData("ada  lovelace", "ada  lovelace")] // not within
    [InlineData("zoe\u0308", "zo\u00eb")] // NFC
    [InlineData("\uff21", "\uff21")] // not NFKC: a full-width A is another letter
    public void Names_are_trimmed_and_composed(string typed, string name)
    {
        var (credentials, error) = Credentials.Check(typed, "password");

        Assert.Null(error);
        Assert.Equal(name, credentials!.Name);
    }

    [Theory]
    [InlineData("ADA", "ada")]
    [InlineData("ZOE\u0308", "zo\u00eb")]
    [InlineData("\u03a3\u03c3\u03c2", "\u03c3\u03a3\u03c3")] // all three sigmas are one letter
    [InlineData("TITLE", "title")] // in every culture: no Turkish i
    public void Names_that_differ_in_case_alone_fold_to_the_same(string one, string other) =>
        Assert.Equal(Credentials.Check(one, "password").Credentials!.FoldedName, Credentials.Check(other, "password").Credentials!.FoldedName);

    [Theory]
    [InlineData("ada", "adb")]
    [InlineData("zoe", "zo\u00eb")]
    [InlineData("ada", "a da")]
    public void Other_names_do_not(string one, string other) =>
        Assert.NotEqual(Credentials.Check(one, "password").Credentials!.FoldedName, Credentials.Check(other, "password").Credentials!.FoldedName);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("\t\r\n")]
    [InlineData("a\0b")]
    [InlineData("a\u001fb")]
    [InlineData("a\u007fb")]
    [InlineData("a\u009fb")]
    public void Names_that_are_empty_or_have_control_characters_are_refused(string? name)
    {
        var (credentials, error) = Credentials.Check(name, "password");

        Assert.Null(credentials);
        Assert.NotNull(error);
    }

    [Fact]
    public void Names_that_are_not_Unicode_are_refused()
    {
        var (credentials, error) = Credentials.Check("a" + '\ud800', "password");

        Assert.Null(credentials);
        Assert.NotNull(error);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void Names_have_1_to_64_code_points(int length, bool isAccepted) =>
        Assert.Equal(isAccepted, Credentials.Check(Repeat(Clock, length), "password").Credentials is not null);

    [Fact]
    public void Names_are_counted_after_composing() =>
        Assert.NotNull(Credentials.Check(Repeat("e\u0308", 64), "password").Credentials);

    [Theory]
    [InlineData(0, true)] // too short only where it would make an account: the handler knows
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void Passwords_have_at_most_128_code_points(int length, bool isAccepted)
    {
        var (credentials, _) = Credentials.Check("ada", Repeat(Clock, length));

        Assert.Equal(isAccepted, credentials is not null);
        Assert.Equal(isAccepted ? length : null, credentials?.PasswordLength);
    }

    [Fact]
    public void Passwords_are_kept_as_typed() =>
        Assert.Equal(" Zoe\u0308\t", Credentials.Check("ada", " Zoe\u0308\t").Credentials!.Password);

    [Fact]
    public void A_missing_password_is_refused() => Assert.NotNull(Credentials.Check("ada", null).Error);

    private static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
}
