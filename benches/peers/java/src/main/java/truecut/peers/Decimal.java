package truecut.peers;

/** Decimal text and numbers, without strings. */
public final class Decimal {
    /** A key of more digits does not fit, with its leading one, into a positive long. */
    private static final int KEY_DIGITS_MAX = 18;

    private Decimal() {}

    /** Writes a number that is not negative and returns how many bytes it took. */
    public static int put(byte[] to, int at, long number) {
        int digits = digits(number);
        for (int i = at + digits - 1; i >= at; i--) {
            to[i] = (byte) ('0' + number % 10);
            number /= 10;
        }
        return digits;
    }

    /**
     * A key of decimal text as one number: a one before its digits, so that leading zeros and the empty key survive.
     *
     * @throws IllegalArgumentException when it is no such text, or of more than 18 digits
     */
    public static long packKey(byte[] key) {
        long packed = 1;
        int length = key == null ? 0 : key.length;
        boolean decimal = key != null && length <= KEY_DIGITS_MAX;
        for (int i = 0; i < length && decimal; i++) {
            decimal = key[i] >= '0' && key[i] <= '9';
            packed = packed * 10 + (key[i] - '0');
        }
        if (!decimal) {
            throw new IllegalArgumentException("a record needs a key of at most " + KEY_DIGITS_MAX + " decimal digits");
        }
        return packed;
    }

    /** The key that {@link #packKey} was given. */
    public static byte[] unpackKey(long packed) {
        var key = new byte[digits(packed) - 1];
        for (int i = key.length - 1; i >= 0; i--) {
            key[i] = (byte) ('0' + packed % 10);
            packed /= 10;
        }
        return key;
    }

    private static int digits(long number) {
        int digits = 1;
        for (long rest = number / 10; rest > 0; rest /= 10) {
            digits++;
        }
        return digits;
    }
}
