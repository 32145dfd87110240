package truecut.peers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The bytes that come out, and what is refused. */
class FormatsTest {
    private static final String BID =
            "{\"auction\":1007,\"bidder\":2001,\"price\":12345,\"channel\":\"a \\\"b\\\\\",\"url\":\"https://x/?price=1\","
                    + "\"date_time\":1767225600123,\"extra\":\"\"}";

    @Test
    void aBidIsFoundAmongStringsThatLookLikeIt() {
        var bid = read(BID);
        assertEquals("1007 2001 12345 1767225600123", bid.auction + " " + bid.bidder + " " + bid.price + " " + bid.dateTime);
    }

    @Test
    void orderSpacesAndNestedValuesDoNotMatter() {
        var bid = read(" { \"x\" : {\"price\":[1,{\"a\":\"}]\"}]}, \"date_time\" : 4 ,\"price\":3, \"n\":null, \"bidder\":2,\"auction\":1 }");
        assertEquals("1 2 3 4", bid.auction + " " + bid.bidder + " " + bid.price + " " + bid.dateTime);
    }

    @Test
    void whatIsNoBidIsRefused() {
        for (String text : new String[] {
            "", "[]", "{}", "{\"auction\":1,\"bidder\":2,\"price\":3}", BID.replace("12345", "1.5"), BID.replace("12345", "-1"),
            BID.replace("12345", "\"12345\""), BID.replace("12345", "1234567890123456789"), BID.replace("2001", ""),
            BID.substring(0, 60)
        }) {
            assertThrows(IllegalArgumentException.class, () -> read(text), text);
        }
        assertThrows(IllegalArgumentException.class, () -> new Bid().read(null));
    }

    @Test
    void currencyIsRoundedDown() {
        var text = new String(new Answer().currency(read(BID)), StandardCharsets.US_ASCII);
        assertEquals("{\"auction\":1007,\"bidder\":2001,\"price\":11209,\"dateTime\":1767225600123}", text);
    }

    @Test
    void bidsNameTheRecordThatWasAdded() {
        var text = new String(new Answer().bids(ascii("1007"), 2, 30, 20, 3, 0), StandardCharsets.US_ASCII);
        assertEquals("{\"auction\":1007,\"bids\":2,\"sum\":30,\"max\":20,\"partition\":3,\"offset\":0}", text);
    }

    /** The same numbers as in the runtime's own test: value `v`, partition 3, offset 117. */
    @Test
    void aCountIs24BytesWithTheDigestOfAllValues() {
        var digest = new Digest();
        assertEquals(0xe3069283, digest.of(ascii("123456789")), "the check value of CRC-32C");
        assertEquals(0, digest.of(null));
        int first = digest.fold(0, digest.of(ascii("v")));
        // Eight bytes, little-endian: the digest so far, 0, and the CRC-32C of the value.
        int crc = digest.of(ascii("v"));
        var pair = new byte[] {0, 0, 0, 0, (byte) crc, (byte) (crc >>> 8), (byte) (crc >>> 16), (byte) (crc >>> 24)};
        assertEquals(digest.of(pair), first);
        var value = ByteBuffer.wrap(Answer.count(1, first, 3, 117));
        assertEquals(24, value.remaining());
        assertEquals("1 " + first + " 3 117", value.getLong() + " " + value.getInt() + " " + value.getInt() + " " + value.getLong());
    }

    @Test
    void aKeyComesBackAsItWas() {
        for (String key : new String[] {"", "0", "00", "7", "1000", "000123", "999999999999999999"}) {
            assertArrayEquals(ascii(key), Decimal.unpackKey(Decimal.packKey(ascii(key))), key);
        }
        for (String key : new String[] {"1234567890123456789", "x", "-1", "1 "}) {
            assertThrows(IllegalArgumentException.class, () -> Decimal.packKey(ascii(key)), key);
        }
        assertThrows(IllegalArgumentException.class, () -> Decimal.packKey(null));
    }

    private static Bid read(String text) {
        var bid = new Bid();
        bid.read(ascii(text));
        return bid;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
