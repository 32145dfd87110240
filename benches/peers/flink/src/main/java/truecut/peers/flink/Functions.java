package truecut.peers.flink;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import truecut.peers.Answer;
import truecut.peers.Bid;
import truecut.peers.Decimal;
import truecut.peers.Digest;

/** What the job does to records. */
final class Functions {
    private Functions() {}

    /** Prices in euros (Nexmark q1). */
    static final class Currency extends RichMapFunction<Message, Message> {
        private static final long serialVersionUID = 1;
        private transient Bid bid;
        private transient Answer answer;

        @Override
        public void open(OpenContext context) {
            bid = new Bid();
            answer = new Answer();
        }

        @Override
        public Message map(Message message) {
            bid.read(message.value);
            message.value = answer.currency(bid);
            return message;
        }
    }

    /**
     * A function with a tally for each key.
     *
     * <p>The tally is changed in place and not put back: one look-up for each record, not two. The state on the heap
     * allows that: what it returns is a copy if a snapshot that is being written still needs the original.
     */
    private abstract static class Keyed extends KeyedProcessFunction<Long, Excerpt, Message> {
        private static final long serialVersionUID = 1;
        private final PlainSerializer<Tally> serializer;
        private transient ValueState<Tally> state;
        private transient Message message;

        Keyed(PlainSerializer<Tally> serializer) {
            this.serializer = serializer;
        }

        abstract byte[] add(Excerpt excerpt, byte[] key, Tally tally);

        @Override
        public void open(OpenContext context) throws Exception {
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("tally", serializer));
            message = new Message();
        }

        @Override
        public void processElement(Excerpt excerpt, Context context, Collector<Message> out) throws Exception {
            var tally = state.value();
            if (tally == null) {
                tally = new Tally();
                state.update(tally);
            }
            message.key = Decimal.unpackKey(excerpt.key);
            message.value = add(excerpt, message.key, tally);
            out.collect(message);
        }
    }

    /** Counts, and says which input record each output came from. */
    static final class Count extends Keyed {
        private static final long serialVersionUID = 1;
        private transient Digest digest;

        Count() {
            super(new Tally.OfCount());
        }

        @Override
        public void open(OpenContext context) throws Exception {
            super.open(context);
            digest = new Digest();
        }

        @Override
        byte[] add(Excerpt excerpt, byte[] key, Tally tally) {
            tally.count++;
            tally.digest = digest.fold(tally.digest, (int) excerpt.number);
            return Answer.count(tally.count, tally.digest, excerpt.partition, excerpt.offset);
        }
    }

    /** Number, sum and largest of an auction's bids. */
    static final class Bids extends Keyed {
        private static final long serialVersionUID = 1;
        private transient Answer answer;

        Bids() {
            super(new Tally.OfBids());
        }

        @Override
        public void open(OpenContext context) throws Exception {
            super.open(context);
            answer = new Answer();
        }

        @Override
        byte[] add(Excerpt excerpt, byte[] key, Tally tally) {
            tally.count++;
            tally.sum = Math.addExact(tally.sum, excerpt.number);
            tally.max = Math.max(tally.max, excerpt.number);
            return answer.bids(key, tally.count, tally.sum, tally.max, excerpt.partition, excerpt.offset);
        }
    }
}
