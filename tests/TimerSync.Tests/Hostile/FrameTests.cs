using System.Text;

namespace TimerSync.Tests.Hostile;

/// <summary>RFC 6455 by hand, on both subprotocols: what is valid is answered, what is not ends that connection and no other.</summary>
public sealed class FrameTests(HostileServer hostile)
{
    private const int ProtocolError = 1002;
    private const int NotUtf8 = 1007;
    private const int TooBig = 1009;
    private const int MessageBytesMax = 4096;

    private const string Ping = """{"action":"ping","sent_at":7}""";

    public static TheoryData<string> Subprotocols => [SocketClient.Json, SocketClient.Html];

    public static MatrixTheoryData<string, int> Lengths => new(Subprotocols.Select(one => one.Data), [0, 1, 29, 125, 126, 127, 128, 4095, 4096]);

    public static MatrixTheoryData<string, int> ReservedOpcodes => new(Subprotocols.Select(one => one.Data), [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]);

    public static MatrixTheoryData<string, int> ReservedBits => new(Subprotocols.Select(one => one.Data), [1, 2, 3, 4, 5, 6, 7]);

    public static MatrixTheoryData<string, int> ValidCloseCodes => new(
        Subprotocols.Select(one => one.Data), [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4401, 4999]);

    public static MatrixTheoryData<string, int> InvalidCloseCodes => new(
        Subprotocols.Select(one => one.Data), [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]);

    public static MatrixTheoryData<string, string> InvalidUtf8 => new(
        Subprotocols.Select(one => one.Data),
        ["ff", "80", "c0af", "c1bf", "e0809f", "eda080", "edbfbf", "f08080af", "f4908080", "f888808080", "fc8480808080", "e282", "f09f98"]);

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task Every_length_up_to_the_limit_is_read(string subprotocol, int length)
    {
        await using var client = await OpenAsync(subprotocol);
        var text = length < Ping.Length ? new string(' ', length) : Ping.PadRight(length);

        await client.SendAsync(Frame.OfText(text));

        Assert.NotNull(await client.ReceiveTextAsync(length < Ping.Length ? IsBadRequest : IsPong));
    }

    [Theory]
    [InlineData(SocketClient.Json, 29, LengthBits.Sixteen)]
    [InlineData(SocketClient.Json, 29, LengthBits.SixtyFour)]
    [InlineData(SocketClient.Html, 125, LengthBits.SixtyFour)]
    [InlineData(SocketClient.Html, 4096, LengthBits.SixtyFour)]
    public async Task A_length_that_is_longer_than_need_be_is_read_or_refused(string subprotocol, int length, LengthBits bits)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfText(Ping.PadRight(length)) with { LengthBits = bits });

        if (await client.ReceiveTextAsync(IsPong) is null)
        {
            await hostile.AssertServesOthersAsync(); // the RFC leaves it open
        }
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_length_with_the_highest_bit_is_refused(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfText(Ping) with { DeclaredLength = ulong.MaxValue });

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [InlineData(SocketClient.Json, 0)]
    [InlineData(SocketClient.Json, 1)]
    [InlineData(SocketClient.Json, 125)]
    [InlineData(SocketClient.Html, 0)]
    [InlineData(SocketClient.Html, 125)]
    public async Task A_ping_is_answered_with_its_payload(string subprotocol, int length)
    {
        await using var client = await OpenAsync(subprotocol);
        var payload = Enumerable.Range(0, length).Select(i => (byte)(255 - i)).ToArray();

        await client.SendAsync(new Frame(Frame.Ping, payload));

        Assert.Equal(payload, (await ReceiveControlAsync(client, Frame.Pong)).Payload);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Pings_are_answered_in_order_however_they_are_cut_into_packets(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        foreach (var one in Enumerable.Range(0, 10).SelectMany(i => new Frame(Frame.Ping, [(byte)i]).ToBytes()))
        {
            await client.SendAsync([one]);
        }

        for (var i = 0; i < 10; i++)
        {
            Assert.Equal([(byte)i], (await ReceiveControlAsync(client, Frame.Pong)).Payload);
        }
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_pong_that_nobody_asked_for_is_ignored(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(Frame.Pong, "anything"u8.ToArray()), Frame.OfText(Ping));

        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [InlineData(SocketClient.Json, Frame.Ping)]
    [InlineData(SocketClient.Json, Frame.Pong)]
    [InlineData(SocketClient.Html, Frame.Close)]
    public async Task A_control_frame_of_more_than_125_bytes_is_refused(string subprotocol, int opcode)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(opcode, [3, 232, .. Enumerable.Repeat((byte)'x', 124)]));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [InlineData(SocketClient.Json, Frame.Ping)]
    [InlineData(SocketClient.Html, Frame.Pong)]
    [InlineData(SocketClient.Json, Frame.Close)]
    public async Task A_control_frame_in_fragments_is_refused(string subprotocol, int opcode)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(opcode, []) { IsFinal = false }, new Frame(Frame.Continuation, []));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(ReservedBits))]
    public async Task Reserved_bits_are_refused(string subprotocol, int bits)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfText(Ping) with { ReservedBits = bits });

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(ReservedOpcodes))]
    public async Task Reserved_opcodes_are_refused(string subprotocol, int opcode)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(opcode, "x"u8.ToArray()));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [InlineData(SocketClient.Json, Frame.Text)]
    [InlineData(SocketClient.Html, Frame.Text)]
    [InlineData(SocketClient.Json, Frame.Ping)]
    public async Task Frames_without_a_mask_are_refused(string subprotocol, int opcode)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(opcode, Encoding.ASCII.GetBytes(Ping)) { IsMasked = false });

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [InlineData(SocketClient.Json, 1)]
    [InlineData(SocketClient.Json, 2)]
    [InlineData(SocketClient.Html, 1)]
    [InlineData(SocketClient.Html, 7)]
    public async Task A_message_in_fragments_is_one_message(string subprotocol, int bytesPerFragment)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Fragments(Encoding.UTF8.GetBytes(Ping), bytesPerFragment));

        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Empty_fragments_are_parts_of_a_message(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(
            new Frame(Frame.Text, []) { IsFinal = false },
            new Frame(Frame.Continuation, []) { IsFinal = false },
            new Frame(Frame.Continuation, Encoding.UTF8.GetBytes(Ping)) { IsFinal = false },
            new Frame(Frame.Continuation, []));

        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_ping_between_fragments_is_answered_before_the_message(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);
        var fragments = Fragments(Encoding.UTF8.GetBytes(Ping), bytesPerFragment: 10);

        await client.SendAsync([fragments[0], new Frame(Frame.Ping, "1"u8.ToArray()), fragments[1], new Frame(Frame.Ping, "2"u8.ToArray()), fragments[2]]);

        Assert.Equal("1", (await ReceiveControlAsync(client, Frame.Pong)).AsText);
        Assert.Equal("2", (await ReceiveControlAsync(client, Frame.Pong)).AsText);
        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_continuation_of_nothing_is_refused(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(Frame.Continuation, Encoding.UTF8.GetBytes(Ping)));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [InlineData(SocketClient.Json, Frame.Text)]
    [InlineData(SocketClient.Html, Frame.Binary)]
    public async Task A_new_message_inside_another_is_refused(string subprotocol, int opcode)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfText(Ping) with { IsFinal = false }, new Frame(opcode, Encoding.UTF8.GetBytes(Ping)));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Characters_may_be_split_over_fragments_and_packets(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);
        var message = Encoding.UTF8.GetBytes("""{"action":"ping","sent_at":7,"note":"κόσμε 😀 \u00e9 ﷽"}""");

        foreach (var frame in Fragments(message, bytesPerFragment: 1))
        {
            await client.SendAsync(frame);
        }

        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [MemberData(nameof(InvalidUtf8))]
    public async Task Text_that_is_not_UTF8_is_refused(string subprotocol, string hex)
    {
        await using var client = await OpenAsync(subprotocol);
        byte[] text = [.. "κόσμε"u8, .. Convert.FromHexString(hex)];

        await client.SendAsync(Fragments(text, bytesPerFragment: 3));

        await AssertFailsAsync(client, NotUtf8);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Binary_messages_are_answered_with_an_error(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(Frame.Binary, [0xff, 0xfe, 0]), Frame.OfText(Ping));

        Assert.NotNull(await client.ReceiveTextAsync(IsBadRequest));
        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [MemberData(nameof(ValidCloseCodes))]
    public async Task A_valid_close_is_answered(string subprotocol, int code)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfClose(code, "bye"u8.ToArray()));

        Assert.Contains(await client.ReceiveCloseAsync(), new[] { code, 1000 });
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_close_without_a_code_is_answered(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(Frame.Close, []));

        Assert.Contains(await client.ReceiveCloseAsync(), new[] { FrameClient.NoCode, 1000 });
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_close_with_the_longest_reason_is_answered(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfClose(1000, Encoding.UTF8.GetBytes(new string('x', 123))));

        Assert.Equal(1000, await client.ReceiveCloseAsync());
    }

    [Theory]
    [MemberData(nameof(InvalidCloseCodes))]
    public async Task An_invalid_close_code_is_refused(string subprotocol, int code)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfClose(code));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task Half_a_close_code_is_refused(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(new Frame(Frame.Close, [3]));

        await AssertFailsAsync(client, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task A_close_reason_that_is_not_UTF8_is_refused(string subprotocol)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfClose(1000, 0xce, 0xba, 0xff));

        await AssertFailsAsync(client, NotUtf8, ProtocolError);
    }

    [Theory]
    [MemberData(nameof(Subprotocols))]
    public async Task What_follows_a_close_is_not_done(string subprotocol)
    {
        var user = await TestUser.SignUpAsync(hostile.Server);
        await using var client = await FrameClient.OpenAsync(user, subprotocol);
        var start = $$"""{"action":"timer_start","id":"{{Guid.NewGuid()}}"}""";

        await client.SendAsync(Frame.OfClose(1000), Frame.OfText(start), new Frame(Frame.Ping, []), Frame.OfClose(1000));

        Assert.Equal(1000, await client.ReceiveCloseAsync());
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(0, (long?)(await user.GetTimerAsync())["version"]);
    }

    [Theory]
    [InlineData(SocketClient.Json, 1)]
    [InlineData(SocketClient.Html, 1000)]
    public async Task The_longest_message_may_come_in_fragments(string subprotocol, int bytesPerFragment)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Fragments(Encoding.UTF8.GetBytes(Ping.PadRight(MessageBytesMax)), bytesPerFragment));

        Assert.NotNull(await client.ReceiveTextAsync(IsPong));
    }

    [Theory]
    [InlineData(SocketClient.Json, 1)]
    [InlineData(SocketClient.Html, 1000)]
    [InlineData(SocketClient.Html, 1_000_000)]
    public async Task One_byte_more_is_too_much_in_however_many_fragments(string subprotocol, int bytesPerFragment)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Fragments(Encoding.UTF8.GetBytes(Ping.PadRight(MessageBytesMax + 1)), bytesPerFragment));

        await AssertFailsAsync(client, TooBig);
    }

    [Theory]
    [InlineData(SocketClient.Json, 1UL << 16)]
    [InlineData(SocketClient.Html, 1UL << 31)]
    [InlineData(SocketClient.Json, 1UL << 40)]
    [InlineData(SocketClient.Html, long.MaxValue)]
    public async Task A_huge_declared_length_is_too_much_as_soon_as_it_is(string subprotocol, ulong declared)
    {
        await using var client = await OpenAsync(subprotocol);

        await client.SendAsync(Frame.OfText(new string('x', MessageBytesMax + 1)) with { DeclaredLength = declared });

        await AssertFailsAsync(client, TooBig);
    }

    private Task<FrameClient> OpenAsync(string subprotocol) => FrameClient.OpenAsync(hostile.Attacker, subprotocol);

    /// <summary>The connection ends, with the right code where a code still gets out, and nobody else notices.</summary>
    private async Task AssertFailsAsync(FrameClient client, params int[] codes)
    {
        Assert.Contains(await client.ReceiveCloseAsync(), codes.Append(FrameClient.Cut));
        await hostile.AssertServesOthersAsync();
    }

    private static async Task<Frame> ReceiveControlAsync(FrameClient client, int opcode)
    {
        while (true)
        {
            var frame = await client.ReceiveAsync();
            Assert.NotNull(frame);
            if (frame.Opcode == opcode)
            {
                return frame;
            }

            Assert.False(IsPong(frame.AsText), "a control frame must not wait for a message that is not complete");
        }
    }

    private static Frame[] Fragments(byte[] message, int bytesPerFragment)
    {
        var parts = message.Chunk(bytesPerFragment).ToList();
        return [.. parts.Select((part, i) => new Frame(i == 0 ? Frame.Text : Frame.Continuation, part) { IsFinal = i == parts.Count - 1 })];
    }

    private static bool IsPong(string text) =>
        text.Contains("\"event\":\"pong\"", StringComparison.Ordinal) || text.Contains("id=\"pong\"", StringComparison.Ordinal);

    private static bool IsBadRequest(string text) => text.Contains("bad_request", StringComparison.Ordinal);
}
