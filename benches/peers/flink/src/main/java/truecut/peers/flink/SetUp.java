package truecut.peers.flink;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import truecut.peers.JavaCommand;
import truecut.peers.Settings;

/**
 * Checks the settings and writes what the processes are started with: Flink's configuration and the arguments of each.
 * Tells `run.sh` on standard output: the directory, the number of TaskManagers, whether dead ones are replaced.
 */
public final class SetUp {
    /** Modules that Flink and its libraries reach into, as its own scripts open them. */
    private static final String[] OPEN = {
        "java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text", "java.time",
        "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"
    };

    private SetUp() {}

    /** Takes the path of the properties file. */
    public static void main(String[] arguments) {
        var file = Path.of(arguments[0]).toAbsolutePath();
        try {
            var settings = Settings.read(file);
            write(settings, file);
            System.out.println(settings.directory());
            System.out.println(settings.taskmanagers());
            System.out.println(settings.restartTaskmanager());
        } catch (Settings.Bad e) {
            System.err.println("flink: " + e.getMessage());
            System.exit(64);
        } catch (IOException e) {
            System.err.println("flink: the directory can't be prepared: " + e);
            System.exit(1);
        }
    }

    private static void write(Settings settings, Path file) throws IOException {
        var directory = settings.directory();
        var conf = directory.resolve("conf");
        Files.createDirectories(conf);
        Files.createDirectories(directory.resolve("tmp"));
        Files.writeString(conf.resolve("config.yaml"), new ClusterConfig(settings, freePort()).yaml());

        command(settings, "jobmanager", 512, "-XX:+UseSerialGC")
                .add(JobManager.class.getName(), conf.toString(), file.toString())
                .write(directory, "jobmanager");
        for (int i = 0; i < settings.taskmanagers(); i++) {
            var name = "taskmanager-" + i;
            command(settings, name, settings.heapMb() + ClusterConfig.FRAMEWORK_HEAP_MB, "-XX:+UseParallelGC")
                    .add("org.apache.flink.runtime.taskexecutor.TaskManagerRunner")
                    .add("--configDir", conf.toString())
                    .write(directory, name);
        }
    }

    private static JavaCommand command(Settings settings, String name, int heapMb, String collector) {
        var command = new JavaCommand(heapMb).add(collector, "-XX:-UsePerfData");
        for (String opened : OPEN) {
            command.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED");
        }
        var directory = settings.directory();
        return command.add("-Dlog.file=" + directory.resolve(name + ".log"), "-Djava.io.tmpdir=" + directory.resolve("tmp"));
    }

    /** Both sides must know the port before either listens on it; that another program takes it meanwhile is unlikely. */
    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
