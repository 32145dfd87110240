package truecut.peers.streams;

import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.StreamsConfig;
import truecut.peers.Settings;

/** The settings of Kafka Streams and its clients. Why each is as it is: README.md. */
final class Configuration {
    /** What brokers allow at least unless told otherwise (group.min.session.timeout.ms). */
    private static final int SESSION_TIMEOUT_MS = 6_000;

    private Configuration() {}

    static Properties of(Settings settings, int instance) {
        boolean exact = settings.guarantee() == Settings.Guarantee.EXACTLY_ONCE;
        var properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.name());
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, settings.bootstrap());
        properties.put(
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG, exact ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, settings.intervalMs());
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, settings.parallelism());
        properties.put(StreamsConfig.STATE_DIR_CONFIG, settings.directory().resolve("state-" + instance).toString());
        properties.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, settings.taskmanagers() > 1 ? 1 : 0);
        consumer(properties, settings, instance);
        producer(properties, settings, exact);
        return properties;
    }

    private static void consumer(Properties properties, Settings settings, int instance) {
        put(properties, ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        put(properties, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
        put(properties, ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1_048_576);
        put(properties, ConsumerConfig.CHECK_CRCS_CONFIG, false);
        // Of the main consumer alone: the one that restores state is no member of the group.
        main(properties, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        main(properties, ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, SESSION_TIMEOUT_MS);
        main(properties, ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 1_000);
        // An instance that is started again takes its old place at once: nobody waits for the session to time out.
        main(properties, ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, settings.name() + "-" + instance);
    }

    private static void producer(Properties properties, Settings settings, boolean exact) {
        produce(properties, ProducerConfig.ACKS_CONFIG, "all");
        produce(properties, ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
        produce(properties, ProducerConfig.BATCH_SIZE_CONFIG, 262_144);
        produce(properties, ProducerConfig.BUFFER_MEMORY_CONFIG, 134_217_728);
        // A transaction is visible when it is committed, not sooner: within it, records may wait for company.
        int linger = exact ? Math.max(1, Math.min(20, settings.intervalMs() / 4)) : 5;
        produce(properties, ProducerConfig.LINGER_MS_CONFIG, linger);
        if (exact) {
            // What a dead instance left open holds up all readers until it is aborted. Must exceed the commit interval.
            int timeout = Math.max(SESSION_TIMEOUT_MS, 2 * settings.intervalMs());
            produce(properties, ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, timeout);
        }
        produce(properties, ProducerConfig.RETRY_BACKOFF_MS_CONFIG, 5);
    }

    private static void put(Properties properties, String key, Object value) {
        properties.put(StreamsConfig.consumerPrefix(key), value);
    }

    private static void main(Properties properties, String key, Object value) {
        properties.put(StreamsConfig.mainConsumerPrefix(key), value);
    }

    private static void produce(Properties properties, String key, Object value) {
        properties.put(StreamsConfig.producerPrefix(key), value);
    }
}
