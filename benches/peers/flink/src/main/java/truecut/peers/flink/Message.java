package truecut.peers.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A record as Kafka has it. Between chained operators it is handed on as it is, and is filled again for the next one. */
public final class Message {
    /** How Flink is told of it. */
    public static final TypeInformation<Message> TYPE = new PlainType<>(Message.class, new Serializer());

    /** May be absent. */
    public byte[] key;
    /** May be absent. */
    public byte[] value;

    /** Lengths and bytes. */
    public static final class Serializer extends PlainSerializer<Message> {
        private static final long serialVersionUID = 1;

        @Override
        public Message createInstance() {
            return new Message();
        }

        @Override
        public Message copy(Message from, Message to) {
            to.key = from.key; // Arrays are written once, by whoever makes them, so they can be shared.
            to.value = from.value;
            return to;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public void serialize(Message message, DataOutputView to) throws IOException {
            put(message.key, to);
            put(message.value, to);
        }

        @Override
        public Message deserialize(Message message, DataInputView from) throws IOException {
            message.key = get(from);
            message.value = get(from);
            return message;
        }

        private static void put(byte[] bytes, DataOutputView to) throws IOException {
            to.writeInt(bytes == null ? -1 : bytes.length);
            if (bytes != null) {
                to.write(bytes);
            }
        }

        private static byte[] get(DataInputView from) throws IOException {
            int length = from.readInt();
            if (length < 0) {
                return null;
            }
            var bytes = new byte[length];
            from.readFully(bytes);
            return bytes;
        }

        @Override
        public TypeSerializerSnapshot<Message> snapshotConfiguration() {
            return new Snapshot();
        }

        /** Says in a checkpoint which serializer wrote it. */
        public static final class Snapshot extends SimpleTypeSerializerSnapshot<Message> {
            /** For Flink. */
            public Snapshot() {
                super(Serializer::new);
            }
        }
    }
}
