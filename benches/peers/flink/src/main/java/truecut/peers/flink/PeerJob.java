package truecut.peers.flink;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.kafka.clients.producer.ProducerRecord;
import truecut.peers.Settings;

/**
 * The job: source, function and sink, with the settings of its Kafka clients. Those of the cluster and of checkpoints
 * are {@link ClusterConfig}'s.
 */
public final class PeerJob {
    private final Settings settings;
    private final StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();

    private PeerJob(Settings settings) {
        this.settings = settings;
    }

    /** Called by the JobManager with the path of the properties file. */
    public static void main(String[] arguments) throws Exception {
        new PeerJob(Settings.read(Path.of(arguments[0]))).run();
    }

    private void run() throws Exception {
        SingleOutputStreamOperator<Message> output =
                switch (settings.function()) {
                    case PASS_THROUGH -> read(new Readers.Whole());
                    case CURRENCY -> read(new Readers.Whole())
                            .map(new Functions.Currency()).returns(Message.TYPE).uid("currency").name("currency");
                    case COUNT -> keyed(new Readers.Excerpts(false), new Functions.Count());
                    case BIDS -> keyed(new Readers.Excerpts(true), new Functions.Bids());
                };
        output.sinkTo(sink()).uid("sink").name("sink");
        environment.execute(settings.name());
    }

    private SingleOutputStreamOperator<Message> keyed(
            Readers.Excerpts reader,
            KeyedProcessFunction<Long, Excerpt, Message> function) {
        return read(reader)
                .keyBy(excerpt -> excerpt.key, Types.LONG)
                .process(function, Message.TYPE)
                .uid("function")
                .name("function");
    }

    private <T> SingleOutputStreamOperator<T> read(KafkaRecordDeserializationSchema<T> reader) {
        var source = KafkaSource.<T>builder()
                .setBootstrapServers(settings.bootstrap())
                .setTopics(settings.input())
                .setGroupId(settings.name())
                .setClientIdPrefix(settings.name())
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(reader)
                .setProperties(consumer())
                .build();
        return environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "source", reader.getProducedType())
                .uid("source");
    }

    private static Properties consumer() {
        var properties = new Properties();
        properties.setProperty("isolation.level", "read_committed");
        // Whole fetches are handed over from the client's thread to the task's: larger ones less often.
        properties.setProperty("max.poll.records", "5000");
        properties.setProperty("max.partition.fetch.bytes", "1048576");
        properties.setProperty("receive.buffer.bytes", "1048576");
        // As librdkafka has it by default: the broker has checked them.
        properties.setProperty("check.crcs", "false");
        // Nobody adds partitions, nobody looks at the metrics, and no recovery reads the group's offsets.
        properties.setProperty("partition.discovery.interval.ms", "-1");
        properties.setProperty("register.consumer.metrics", "false");
        properties.setProperty("commit.offsets.on.checkpoint", "false");
        // A broker that is found gone is tried again at once.
        properties.setProperty("reconnect.backoff.ms", "10");
        properties.setProperty("reconnect.backoff.max.ms", "200");
        properties.setProperty("retry.backoff.ms", "10");
        return properties;
    }

    private KafkaSink<Message> sink() {
        var guarantee =
                switch (settings.guarantee()) {
                    case EXACTLY_ONCE -> DeliveryGuarantee.EXACTLY_ONCE;
                    case AT_LEAST_ONCE -> DeliveryGuarantee.AT_LEAST_ONCE;
                    case NONE -> DeliveryGuarantee.NONE;
                };
        return KafkaSink.<Message>builder()
                .setBootstrapServers(settings.bootstrap())
                .setRecordSerializer(new Writer(settings.output()))
                .setDeliveryGuarantee(guarantee)
                .setTransactionalIdPrefix(settings.name())
                // A few ids, used again: 10 checkpoints a second would else leave hundreds of ids a minute at the broker.
                .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING)
                .setKafkaProducerConfig(producer())
                .build();
    }

    private Properties producer() {
        var properties = new Properties();
        properties.setProperty("acks", "all");
        properties.setProperty("compression.type", "none");
        properties.setProperty("batch.size", "262144");
        properties.setProperty("buffer.memory", "134217728");
        properties.setProperty("linger.ms", Integer.toString(lingerMs()));
        // Kafka refuses more than the broker's transaction.max.timeout.ms, 15 minutes by default.
        properties.setProperty("transaction.timeout.ms", "600000");
        properties.setProperty("register.producer.metrics", "false");
        properties.setProperty("reconnect.backoff.ms", "10");
        properties.setProperty("reconnect.backoff.max.ms", "200");
        // Between transactions a broker answers "not yet" for some milliseconds: that is asked again after this time.
        properties.setProperty("retry.backoff.ms", "5");
        return properties;
    }

    /**
     * A transaction is visible when it is committed, not sooner: within it, records may wait for company. Without one,
     * they are seen when they are sent.
     */
    private int lingerMs() {
        boolean transactional = settings.guarantee() == Settings.Guarantee.EXACTLY_ONCE;
        return transactional ? Math.max(1, Math.min(20, settings.intervalMs() / 4)) : 5;
    }

    /**
     * Hands a message to the producer, whose own partitioner goes by the key. The connector asks which topic it is: that is
     * where it looks for transactions to abort.
     */
    private record Writer(String topic) implements KafkaRecordSerializationSchema<Message>, KafkaDatasetFacetProvider {
        @Override
        public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() {
            var topics = DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic));
            return Optional.of(new DefaultKafkaDatasetFacet(topics));
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Message message, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(topic, null, timestamp, message.key, message.value);
        }
    }
}
