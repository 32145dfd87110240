package truecut.peers.streams;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.state.Stores;
import truecut.peers.Settings;

/**
 * The topology: input, function, output, on bytes throughout.
 *
 * <p>Keyed functions see all records of a key in one task only if those lie in one partition of the topic that the task
 * reads. Where the input does not say so, it goes through a repartition topic; what goes there is an excerpt.
 */
final class Pipeline {
    private Pipeline() {}

    static Topology topology(Settings settings) {
        Serde<byte[]> bytes = Serdes.ByteArray();
        var builder = new StreamsBuilder();
        KStream<byte[], byte[]> input = builder.stream(settings.input(), Consumed.with(bytes, bytes));
        var output =
                switch (settings.function()) {
                    case PASS_THROUGH -> input;
                    case CURRENCY -> input.processValues(Processors.Currency::new);
                    case COUNT -> keyed(builder, settings, input, () -> new Processors.Excerpts(false), Processors.Count::new);
                    case BIDS -> keyed(builder, settings, input, () -> new Processors.Excerpts(true), Processors.Bids::new);
                };
        output.to(settings.output(), Produced.with(bytes, bytes));
        return builder.build();
    }

    private static KStream<byte[], byte[]> keyed(
            StreamsBuilder builder,
            Settings settings,
            KStream<byte[], byte[]> input,
            FixedKeyProcessorSupplier<byte[], byte[], byte[]> excerpt,
            FixedKeyProcessorSupplier<byte[], byte[], byte[]> function) {
        var store = Stores.inMemoryKeyValueStore(Processors.STORE);
        builder.addStateStore(Stores.keyValueStoreBuilder(store, Serdes.Bytes(), Serdes.ByteArray()));
        var excerpts = input.processValues(excerpt);
        if (!settings.inputByKey()) {
            excerpts = excerpts.repartition(
                    Repartitioned.<byte[], byte[]>as("by-key").withKeySerde(Serdes.ByteArray()).withValueSerde(Serdes.ByteArray()));
        }
        return excerpts.processValues(function, Processors.STORE);
    }
}
