package truecut.peers.flink;

import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ClusterOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.HeartbeatManagerOptions;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.ResourceManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.configuration.WebOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import truecut.peers.Settings;

/** Flink's `config.yaml`: the cluster, checkpoints, recovery. Why each is as it is: README.md. */
final class ClusterConfig {
    /** Flink's own part of a TaskManager's heap, in MiB. */
    static final int FRAMEWORK_HEAP_MB = 128;

    private static final String HOST = "127.0.0.1";

    private final Configuration options = new Configuration();

    /** The options of a run whose JobManager listens on the given port. */
    ClusterConfig(Settings settings, int port) {
        addresses(port);
        memory(settings);
        job(settings);
        if (settings.guarantee() != Settings.Guarantee.NONE) {
            checkpoints(settings);
        }
        if (settings.variant() == Settings.Variant.TUNED) {
            fastRecovery();
        } else {
            defaultRestarts();
        }
    }

    /** The text of the file. */
    String yaml() {
        return options.toMap().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .map(option -> option.getKey() + ": \"" + option.getValue() + "\"\n")
                .collect(Collectors.joining());
    }

    private void addresses(int port) {
        options.set(JobManagerOptions.ADDRESS, HOST);
        options.set(JobManagerOptions.PORT, port);
        options.set(JobManagerOptions.BIND_HOST, HOST);
        options.set(TaskManagerOptions.HOST, HOST);
        options.set(TaskManagerOptions.BIND_HOST, HOST);
        options.set(RestOptions.ADDRESS, HOST);
        options.set(RestOptions.BIND_ADDRESS, HOST);
        options.set(RestOptions.BIND_PORT, "0"); // any free one: nobody calls it
        options.set(WebOptions.SUBMIT_ENABLE, false);
        options.set(WebOptions.CANCEL_ENABLE, false);
    }

    private void memory(Settings settings) {
        options.set(TaskManagerOptions.NUM_TASK_SLOTS, settings.slots());
        options.set(TaskManagerOptions.CPU_CORES, (double) settings.slots());
        options.set(TaskManagerOptions.TASK_HEAP_MEMORY, MemorySize.ofMebiBytes(settings.heapMb()));
        options.set(TaskManagerOptions.TASK_OFF_HEAP_MEMORY, MemorySize.ZERO);
        options.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ZERO); // state is on the heap
        options.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        options.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        options.set(TaskManagerOptions.FRAMEWORK_HEAP_MEMORY, MemorySize.ofMebiBytes(FRAMEWORK_HEAP_MB));
        options.set(TaskManagerOptions.FRAMEWORK_OFF_HEAP_MEMORY, MemorySize.ofMebiBytes(128));
        // Flink's scripts would give these to the JVM; here they only make the sum complete, which is asked for.
        options.set(TaskManagerOptions.JVM_METASPACE, MemorySize.ofMebiBytes(256));
        options.set(TaskManagerOptions.JVM_OVERHEAD_MIN, MemorySize.ofMebiBytes(192));
        options.set(TaskManagerOptions.JVM_OVERHEAD_MAX, MemorySize.ofMebiBytes(192));
    }

    private void job(Settings settings) {
        options.set(CoreOptions.DEFAULT_PARALLELISM, settings.parallelism());
        options.set(PipelineOptions.OBJECT_REUSE, true);
        options.set(PipelineOptions.GENERIC_TYPES, false);
        options.set(PipelineOptions.AUTO_WATERMARK_INTERVAL, Duration.ZERO); // nobody looks at event time
        // How long a record waits for company on its way through the shuffle; full buffers go at once.
        options.set(ExecutionOptions.BUFFER_TIMEOUT, Duration.ofMillis(5));
        options.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    }

    private void checkpoints(Settings settings) {
        boolean exact = settings.guarantee() == Settings.Guarantee.EXACTLY_ONCE;
        options.set(
                CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE,
                exact ? CheckpointingMode.EXACTLY_ONCE : CheckpointingMode.AT_LEAST_ONCE);
        options.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(settings.intervalMs()));
        options.set(CheckpointingOptions.MIN_PAUSE_BETWEEN_CHECKPOINTS, Duration.ZERO);
        options.set(CheckpointingOptions.MAX_CONCURRENT_CHECKPOINTS, 1);
        options.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        options.set(
                CheckpointingOptions.CHECKPOINTS_DIRECTORY, settings.directory().resolve("checkpoints").toUri().toString());
        // Small state goes into the one file of the checkpoint: 1 MiB is the most that Flink allows.
        options.set(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD, MemorySize.ofMebiBytes(1));
    }

    private void defaultRestarts() {
        // What Flink takes by itself for a job with checkpoints, but for the time without a failure (an hour) after which the next
        // one counts as the first again. In a benchmark failures come one after the other, and each would make the next wait longer.
        options.set(RestartStrategyOptions.RESTART_STRATEGY, "exponential-delay");
        options.set(
                RestartStrategyOptions.RESTART_STRATEGY_EXPONENTIAL_DELAY_RESET_BACKOFF_THRESHOLD, Duration.ofSeconds(1));
    }

    private void fastRecovery() {
        // A killed process refuses connections: the first heartbeat that finds that out is believed. The timeout is for
        // those that hang, and must outlast a pause of the garbage collector and a busy machine.
        options.set(HeartbeatManagerOptions.HEARTBEAT_INTERVAL, Duration.ofMillis(100));
        options.set(HeartbeatManagerOptions.HEARTBEAT_RPC_FAILURE_THRESHOLD, 1);
        options.set(HeartbeatManagerOptions.HEARTBEAT_TIMEOUT, Duration.ofSeconds(3));
        options.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        options.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, Integer.MAX_VALUE);
        options.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ZERO);
        options.set(ResourceManagerOptions.REQUIREMENTS_CHECK_DELAY, Duration.ZERO);
        options.set(ResourceManagerOptions.DECLARE_NEEDED_RESOURCE_DELAY, Duration.ZERO);
        // How soon a process that was not let in, or found nobody, asks again.
        options.set(ClusterOptions.INITIAL_REGISTRATION_TIMEOUT, Duration.ofMillis(50));
        options.set(ClusterOptions.REFUSED_REGISTRATION_DELAY, Duration.ofMillis(100));
        options.set(ClusterOptions.ERROR_REGISTRATION_DELAY, Duration.ofMillis(100));
    }
}
