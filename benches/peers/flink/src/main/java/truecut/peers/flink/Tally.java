package truecut.peers.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What is kept for a key: 12 bytes for a count, 24 for bids. */
public final class Tally {
    /** Records so far. */
    public long count;
    /** The digest of a count. */
    public int digest;
    /** Sum of the prices of bids. */
    public long sum;
    /** Largest price of bids. */
    public long max;

    /** Of a count. */
    public static final class OfCount extends Serializer {
        private static final long serialVersionUID = 1;

        @Override
        public int getLength() {
            return 12;
        }

        @Override
        public void serialize(Tally tally, DataOutputView to) throws IOException {
            to.writeLong(tally.count);
            to.writeInt(tally.digest);
        }

        @Override
        public Tally deserialize(Tally tally, DataInputView from) throws IOException {
            tally.count = from.readLong();
            tally.digest = from.readInt();
            return tally;
        }

        @Override
        public TypeSerializerSnapshot<Tally> snapshotConfiguration() {
            return new Snapshot();
        }

        /** Says in a checkpoint which serializer wrote it. */
        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Tally> {
            /** For Flink. */
            public Snapshot() {
                super(OfCount::new);
            }
        }
    }

    /** Of bids. */
    public static final class OfBids extends Serializer {
        private static final long serialVersionUID = 1;

        @Override
        public int getLength() {
            return 24;
        }

        @Override
        public void serialize(Tally tally, DataOutputView to) throws IOException {
            to.writeLong(tally.count);
            to.writeLong(tally.sum);
            to.writeLong(tally.max);
        }

        @Override
        public Tally deserialize(Tally tally, DataInputView from) throws IOException {
            tally.count = from.readLong();
            tally.sum = from.readLong();
            tally.max = from.readLong();
            return tally;
        }

        @Override
        public TypeSerializerSnapshot<Tally> snapshotConfiguration() {
            return new Snapshot();
        }

        /** Says in a checkpoint which serializer wrote it. */
        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Tally> {
            /** For Flink. */
            public Snapshot() {
                super(OfBids::new);
            }
        }
    }

    private abstract static class Serializer extends PlainSerializer<Tally> {
        private static final long serialVersionUID = 1;

        @Override
        public Tally createInstance() {
            return new Tally();
        }

        @Override
        public Tally copy(Tally from, Tally to) {
            to.count = from.count;
            to.digest = from.digest;
            to.sum = from.sum;
            to.max = from.max;
            return to;
        }
    }
}
