package truecut.peers.flink;

import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import truecut.peers.Bid;
import truecut.peers.Decimal;
import truecut.peers.Digest;

/**
 * How Kafka's records become Flink's. Each reader fills one object again and again: what it hands on is serialized, or
 * passed through the whole chain, before the next record is read.
 */
final class Readers {
    private Readers() {}

    /** The record as it is. */
    static final class Whole implements KafkaRecordDeserializationSchema<Message> {
        private static final long serialVersionUID = 1;
        private transient Message message;

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            message = new Message();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Message> out) {
            message.key = record.key();
            message.value = record.value();
            out.collect(message);
        }

        @Override
        public TypeInformation<Message> getProducedType() {
            return Message.TYPE;
        }
    }

    /** What a keyed function needs of the record. */
    static final class Excerpts implements KafkaRecordDeserializationSchema<Excerpt> {
        private static final long serialVersionUID = 1;
        private final boolean price;
        private transient Excerpt excerpt;
        private transient Digest digest;
        private transient Bid bid;

        /** Whether the number is the bid's price; it is the value's CRC-32C otherwise. */
        Excerpts(boolean price) {
            this.price = price;
        }

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            excerpt = new Excerpt();
            digest = new Digest();
            bid = new Bid();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Excerpt> out) {
            excerpt.key = Decimal.packKey(record.key());
            excerpt.number = number(record.value());
            excerpt.partition = record.partition();
            excerpt.offset = record.offset();
            out.collect(excerpt);
        }

        private long number(byte[] value) {
            if (!price) {
                return digest.of(value);
            }
            bid.read(value);
            return bid.price;
        }

        @Override
        public TypeInformation<Excerpt> getProducedType() {
            return Excerpt.TYPE;
        }
    }
}
