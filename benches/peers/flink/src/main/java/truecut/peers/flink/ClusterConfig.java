package truecut.peers.flink;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import truecut.peers.Settings;

/** Flink's `config.yaml`: the cluster, checkpoints, recovery. Why each is as it is: README.md. */
final class ClusterConfig {
    private final Map<String, Object> options = new LinkedHashMap<>();

    /** The options of a run whose JobManager listens on the given port. */
    ClusterConfig(Settings settings, int port) {
        addresses(port);
        memory(settings);
        job(settings);
        recovery(settings);
    }

    /** The text of the file. */
    String yaml() {
        return options.entrySet().stream()
                .map(option -> option.getKey() + ": \"" + option.getValue() + "\"\n")
                .collect(Collectors.joining());
    }

    private void addresses(int port) {
        options.put("jobmanager.rpc.address", "127.0.0.1");
        options.put("jobmanager.rpc.port", port);
        options.put("jobmanager.bind-host", "127.0.0.1");
        options.put("taskmanager.host", "127.0.0.1");
        options.put("taskmanager.bind-host", "127.0.0.1");
        options.put("rest.address", "127.0.0.1");
        options.put("rest.bind-address", "127.0.0.1");
        options.put("rest.bind-port", "0"); // any free one: nobody calls it
        options.put("web.submit.enable", false);
        options.put("web.cancel.enable", false);
    }

    private void memory(Settings settings) {
        options.put("taskmanager.numberOfTaskSlots", settings.slots());
        options.put("taskmanager.cpu.cores", settings.slots());
        options.put("taskmanager.memory.task.heap.size", settings.heapMb() + "m");
        options.put("taskmanager.memory.task.off-heap.size", "0m");
        options.put("taskmanager.memory.managed.size", "0m"); // state is on the heap: nothing manages any
        options.put("taskmanager.memory.network.min", "64m");
        options.put("taskmanager.memory.network.max", "64m");
        options.put("taskmanager.memory.framework.heap.size", "128m");
        options.put("taskmanager.memory.framework.off-heap.size", "128m");
    }

    private void job(Settings settings) {
        options.put("parallelism.default", settings.parallelism());
        options.put("pipeline.object-reuse", true);
        options.put("pipeline.generic-types", false);
        options.put("pipeline.auto-watermark-interval", "0 ms"); // nobody looks at event time
        // How long a record waits for company on its way through the shuffle; full buffers go at once.
        options.put("execution.buffer-timeout.interval", "5 ms");
        options.put("state.backend.type", "hashmap");
        options.put("metrics.latency.interval", "0");
        if (settings.guarantee() == Settings.Guarantee.NONE) {
            return;
        }
        boolean exact = settings.guarantee() == Settings.Guarantee.EXACTLY_ONCE;
        options.put("execution.checkpointing.interval", settings.intervalMs() + " ms");
        options.put("execution.checkpointing.mode", exact ? "EXACTLY_ONCE" : "AT_LEAST_ONCE");
        options.put("execution.checkpointing.min-pause", "0 ms");
        options.put("execution.checkpointing.max-concurrent-checkpoints", 1);
        options.put("execution.checkpointing.storage", "filesystem");
        options.put("execution.checkpointing.dir", settings.directory().resolve("checkpoints").toUri());
        // Small state goes into the one file of the checkpoint: 1 MB is the most that Flink allows.
        options.put("execution.checkpointing.data-inline-threshold", "1 mb");
    }

    private void recovery(Settings settings) {
        if (settings.variant() == Settings.Variant.DEFAULT) {
            return;
        }
        // A killed process refuses connections: the first heartbeat that finds that out is believed. The timeout is for
        // those that hang, and must outlast a pause of the garbage collector and a busy machine.
        options.put("heartbeat.interval", "100 ms");
        options.put("heartbeat.rpc-failure-threshold", 1);
        options.put("heartbeat.timeout", "3 s");
        options.put("restart-strategy.type", "fixed-delay");
        options.put("restart-strategy.fixed-delay.attempts", Integer.MAX_VALUE);
        options.put("restart-strategy.fixed-delay.delay", "0 ms");
        options.put("slotmanager.requirement-check-delay", "0 ms");
        // How soon a worker that lost the JobManager, or was not yet let in, asks again.
        options.put("cluster.registration.initial-timeout", "50 ms");
        options.put("cluster.registration.refused-registration-delay", "100 ms");
        options.put("cluster.registration.error-delay", "100 ms");
    }
}
