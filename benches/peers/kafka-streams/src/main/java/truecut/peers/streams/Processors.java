package truecut.peers.streams;

import java.nio.ByteBuffer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import truecut.peers.Answer;
import truecut.peers.Bid;
import truecut.peers.Digest;

/** What is done to records. Keys stay as they are. */
final class Processors {
    /** The name of the tallies' store. */
    static final String STORE = "tally";

    private Processors() {}

    /** From a value to a value. */
    private abstract static class OfValue implements FixedKeyProcessor<byte[], byte[], byte[]> {
        protected FixedKeyProcessorContext<byte[], byte[]> context;

        @Override
        public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public final void process(FixedKeyRecord<byte[], byte[]> record) {
            context.forward(record.withValue(answer(record.key(), record.value())));
        }

        abstract byte[] answer(byte[] key, byte[] value);
    }

    /** Prices in euros (Nexmark q1). */
    static final class Currency extends OfValue {
        private final Bid bid = new Bid();
        private final Answer answer = new Answer();

        @Override
        byte[] answer(byte[] key, byte[] value) {
            bid.read(value);
            return answer.currency(bid);
        }
    }

    /**
     * What a keyed function needs of an input record, in 20 bytes: a number (the value's CRC-32C, or the bid's price), and the
     * record's partition and offset, which a repartition topic would hide.
     */
    static final class Excerpts extends OfValue {
        private final boolean price;
        private final Digest digest = new Digest();
        private final Bid bid = new Bid();

        Excerpts(boolean price) {
            this.price = price;
        }

        @Override
        byte[] answer(byte[] key, byte[] value) {
            if (key == null) {
                throw new IllegalArgumentException("a record without key can't be counted");
            }
            var from = context.recordMetadata().orElseThrow();
            return ByteBuffer.allocate(20)
                    .putLong(number(value)).putInt(from.partition()).putLong(from.offset()).array();
        }

        private long number(byte[] value) {
            if (!price) {
                return digest.of(value);
            }
            bid.read(value);
            return bid.price;
        }
    }

    /** A function with a tally for each key, in Kafka Streams' own store. */
    private abstract static class Keyed extends OfValue {
        private KeyValueStore<Bytes, byte[]> store;

        @Override
        public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
            super.init(context);
            store = context.getStateStore(STORE);
        }

        @Override
        final byte[] answer(byte[] key, byte[] excerpt) {
            var wrapped = Bytes.wrap(key);
            var before = store.get(wrapped);
            var number = ByteBuffer.wrap(excerpt);
            // The store keeps the very array that it is given, so each state has its own.
            var after = next(before == null ? null : ByteBuffer.wrap(before), number.getLong());
            store.put(wrapped, after.array());
            return answer(key, after.rewind(), number.getInt(), number.getLong());
        }

        abstract ByteBuffer next(ByteBuffer tally, long number);

        abstract byte[] answer(byte[] key, ByteBuffer tally, int partition, long offset);
    }

    /** Counts, and says which input record each output came from. The tally is count and digest. */
    static final class Count extends Keyed {
        private final Digest digest = new Digest();

        @Override
        ByteBuffer next(ByteBuffer tally, long number) {
            long count = tally == null ? 0 : tally.getLong();
            int before = tally == null ? 0 : tally.getInt();
            return ByteBuffer.allocate(12).putLong(count + 1).putInt(digest.fold(before, (int) number));
        }

        @Override
        byte[] answer(byte[] key, ByteBuffer tally, int partition, long offset) {
            return Answer.count(tally.getLong(), tally.getInt(), partition, offset);
        }
    }

    /** Number, sum and largest of an auction's bids: these three are the tally. */
    static final class Bids extends Keyed {
        private final Answer answer = new Answer();

        @Override
        ByteBuffer next(ByteBuffer tally, long number) {
            long bids = tally == null ? 0 : tally.getLong();
            long sum = tally == null ? 0 : tally.getLong();
            long max = tally == null ? 0 : tally.getLong();
            return ByteBuffer.allocate(24)
                    .putLong(bids + 1).putLong(Math.addExact(sum, number)).putLong(Math.max(max, number));
        }

        @Override
        byte[] answer(byte[] key, ByteBuffer tally, int partition, long offset) {
            return answer.bids(key, tally.getLong(), tally.getLong(), tally.getLong(), partition, offset);
        }
    }
}
