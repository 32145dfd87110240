package truecut.peers.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What a keyed function needs of an input record: this, and not the whole record, goes through the shuffle. 28 bytes,
 * whatever the record's size.
 */
public final class Excerpt {
    /** How Flink is told of it. */
    public static final TypeInformation<Excerpt> TYPE = new PlainType<>(Excerpt.class, new Serializer());

    /** The packed key. */
    public long key;
    /** The CRC-32C of the value for a count, the price for bids. */
    public long number;
    /** Input partition. */
    public int partition;
    /** Input offset. */
    public long offset;

    /** Four numbers. */
    public static final class Serializer extends PlainSerializer<Excerpt> {
        private static final long serialVersionUID = 1;

        @Override
        public Excerpt createInstance() {
            return new Excerpt();
        }

        @Override
        public Excerpt copy(Excerpt from, Excerpt to) {
            to.key = from.key;
            to.number = from.number;
            to.partition = from.partition;
            to.offset = from.offset;
            return to;
        }

        @Override
        public int getLength() {
            return 28;
        }

        @Override
        public void serialize(Excerpt excerpt, DataOutputView to) throws IOException {
            to.writeLong(excerpt.key);
            to.writeLong(excerpt.number);
            to.writeInt(excerpt.partition);
            to.writeLong(excerpt.offset);
        }

        @Override
        public Excerpt deserialize(Excerpt excerpt, DataInputView from) throws IOException {
            excerpt.key = from.readLong();
            excerpt.number = from.readLong();
            excerpt.partition = from.readInt();
            excerpt.offset = from.readLong();
            return excerpt;
        }

        @Override
        public TypeSerializerSnapshot<Excerpt> snapshotConfiguration() {
            return new Snapshot();
        }

        /** Says in a checkpoint which serializer wrote it. */
        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Excerpt> {
            /** For Flink. */
            public Snapshot() {
                super(Serializer::new);
            }
        }
    }
}
