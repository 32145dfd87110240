package truecut.peers;

import java.util.zip.CRC32C;

/** A CRC-32C folded over the CRC-32Cs of all values of a key so far, in order. */
public final class Digest {
    private final CRC32C crc = new CRC32C();
    private final byte[] pair = new byte[8];

    /** The CRC-32C of a value; of a record without value, that of no bytes. */
    public int of(byte[] value) {
        crc.reset();
        if (value != null) {
            crc.update(value, 0, value.length);
        }
        return (int) crc.getValue();
    }

    /** The digest after one more value, given its CRC-32C. */
    public int fold(int digest, int valueCrc) {
        putLittle(0, digest);
        putLittle(4, valueCrc);
        crc.reset();
        crc.update(pair, 0, 8);
        return (int) crc.getValue();
    }

    private void putLittle(int at, int number) {
        pair[at] = (byte) number;
        pair[at + 1] = (byte) (number >>> 8);
        pair[at + 2] = (byte) (number >>> 16);
        pair[at + 3] = (byte) (number >>> 24);
    }
}
