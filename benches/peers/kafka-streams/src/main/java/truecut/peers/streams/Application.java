package truecut.peers.streams;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import truecut.peers.Settings;

/** One instance of the application: runs until SIGTERM, ends with 1 when Kafka Streams gives up. */
public final class Application {
    /** `run.sh` kills what is there after 10 s. */
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(8);

    private Application() {}

    /** Takes the path of the properties file and the number of the instance, from 0. */
    public static void main(String[] arguments) throws Exception {
        var settings = Settings.read(Path.of(arguments[0]));
        var instance = Integer.parseInt(arguments[1]);
        var streams = new KafkaStreams(Pipeline.topology(settings), Configuration.of(settings, instance));
        var failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(e -> {
            System.err.println("kafka-streams: the application failed: " + e);
            e.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                failed.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(CLOSE_LIMIT), "shutdown"));
        streams.start();
        failed.await(); // SIGTERM ends the process by its hook.
        System.exit(1);
    }
}
