package truecut.peers;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The values that are written, byte by byte. One instance is used again for each record; it decides only the format. */
public final class Answer {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private static final byte[] AUCTION = ascii("{\"auction\":");
    private static final byte[] BIDDER = ascii(",\"bidder\":");
    private static final byte[] PRICE = ascii(",\"price\":");
    private static final byte[] DATE_TIME = ascii(",\"dateTime\":");
    private static final byte[] BIDS = ascii(",\"bids\":");
    private static final byte[] SUM = ascii(",\"sum\":");
    private static final byte[] MAX = ascii(",\"max\":");
    private static final byte[] PARTITION = ascii(",\"partition\":");
    private static final byte[] OFFSET = ascii(",\"offset\":");
    private static final byte[] END = ascii("}");

    /** Longest text besides a key: every fixed part and a number of 20 characters after each. */
    private static final int LONGEST = 256;

    private byte[] buffer = new byte[LONGEST];
    private int length;

    /** 24 bytes, big-endian: count, digest, and the input record that was counted. */
    public static byte[] count(long count, int digest, int partition, long offset) {
        var value = new byte[24];
        LONG.set(value, 0, count);
        INT.set(value, 8, digest);
        INT.set(value, 12, partition);
        LONG.set(value, 16, offset);
        return value;
    }

    /** A bid with its price in euros. */
    public byte[] currency(Bid bid) {
        length = 0;
        put(AUCTION).put(bid.auction).put(BIDDER).put(bid.bidder);
        put(PRICE).put(Math.multiplyExact(bid.price, 908L) / 1000).put(DATE_TIME).put(bid.dateTime).put(END);
        return Arrays.copyOf(buffer, length);
    }

    /** What was bid for an auction so far, and the input record that was added last. The key is the auction's number. */
    public byte[] bids(byte[] key, long bids, long sum, long max, int partition, long offset) {
        if (buffer.length < LONGEST + key.length) {
            buffer = new byte[LONGEST + key.length];
        }
        length = 0;
        put(AUCTION).put(key).put(BIDS).put(bids).put(SUM).put(sum).put(MAX).put(max);
        put(PARTITION).put(partition).put(OFFSET).put(offset).put(END);
        return Arrays.copyOf(buffer, length);
    }

    private Answer put(byte[] text) {
        System.arraycopy(text, 0, buffer, length, text.length);
        length += text.length;
        return this;
    }

    private Answer put(long number) {
        length += Decimal.put(buffer, length, number);
        return this;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
