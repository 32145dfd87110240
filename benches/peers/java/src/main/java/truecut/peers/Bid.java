package truecut.peers;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The numbers of a Nexmark bid, scanned from its JSON. Reads no further than it must: once all four are found, what
 * follows is not looked at. Allocates nothing; one instance is filled again for each record.
 */
public final class Bid {
    private static final byte[] AUCTION = ascii("auction");
    private static final byte[] BIDDER = ascii("bidder");
    private static final byte[] PRICE = ascii("price");
    private static final byte[] DATE_TIME = ascii("date_time");
    private static final int ALL = 15;

    /** What is bid for. */
    public long auction;
    /** Who bids. */
    public long bidder;
    /** In cents of a dollar. */
    public long price;
    /** Milliseconds since 1970. */
    public long dateTime;

    private byte[] json;
    private int at;

    /**
     * Fills this from a JSON object.
     *
     * @throws IllegalArgumentException when it is no object that holds the four numbers
     */
    public void read(byte[] value) {
        if (value == null) {
            throw new IllegalArgumentException("a record without value is no bid");
        }
        json = value;
        at = 0;
        expect('{');
        int found = 0;
        while (found != ALL) {
            expect('"');
            int start = at;
            skipString();
            int field = field(start, at - 1);
            expect(':');
            if (field == 0) {
                skipValue();
            } else {
                set(field, number());
                found |= field;
            }
            if (found != ALL) {
                expect(',');
            }
        }
    }

    private int field(int from, int to) {
        return switch (to - from) {
            case 7 -> is(AUCTION, from, to) ? 1 : 0;
            case 6 -> is(BIDDER, from, to) ? 2 : 0;
            case 5 -> is(PRICE, from, to) ? 4 : 0;
            case 9 -> is(DATE_TIME, from, to) ? 8 : 0;
            default -> 0;
        };
    }

    private boolean is(byte[] name, int from, int to) {
        return Arrays.equals(json, from, to, name, 0, name.length);
    }

    private void set(int field, long number) {
        switch (field) {
            case 1 -> auction = number;
            case 2 -> bidder = number;
            case 4 -> price = number;
            default -> dateTime = number;
        }
    }

    /** A whole number of at most 18 digits, which is what a bid holds. */
    private long number() {
        skipSpace();
        int start = at;
        long number = 0;
        while (at < json.length && json[at] >= '0' && json[at] <= '9') {
            number = number * 10 + (json[at++] - '0');
        }
        boolean whole = at == json.length || json[at] == ',' || json[at] == '}' || json[at] <= ' ';
        if (at == start || at - start > 18 || !whole) {
            throw wrong("a whole number of at most 18 digits");
        }
        return number;
    }

    /** From after the opening quote to after the closing one. */
    private void skipString() {
        while (at < json.length) {
            byte b = json[at++];
            if (b == '"') {
                return;
            }
            if (b == '\\') {
                at++;
            }
        }
        throw wrong("the end of a string");
    }

    private void skipValue() {
        skipSpace();
        int depth = 0;
        while (at < json.length) {
            switch (json[at]) {
                case '"' -> {
                    at++;
                    skipString();
                }
                case '{', '[' -> {
                    depth++;
                    at++;
                }
                case '}', ']', ',' -> {
                    if (depth == 0) {
                        return;
                    }
                    depth -= json[at] == ',' ? 0 : 1;
                    at++;
                }
                default -> at++;
            }
        }
    }

    private void expect(char wanted) {
        skipSpace();
        if (at >= json.length || json[at] != wanted) {
            throw wrong("`" + wanted + "`");
        }
        at++;
    }

    private void skipSpace() {
        while (at < json.length && json[at] <= ' ' && json[at] >= 0) {
            at++;
        }
    }

    private IllegalArgumentException wrong(String wanted) {
        return new IllegalArgumentException(
                "a bid with auction, bidder, price and date_time was expected; at byte " + at + " " + wanted
                        + " is missing: " + new String(json, StandardCharsets.UTF_8));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
