package truecut.peers.streams;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import truecut.peers.JavaCommand;
import truecut.peers.Settings;

/**
 * Checks the settings and writes the arguments of each instance. Tells `run.sh` on standard output: the directory, the
 * number of instances, whether dead ones are replaced.
 */
public final class SetUp {
    private SetUp() {}

    /** Takes the path of the properties file. */
    public static void main(String[] arguments) {
        var file = Path.of(arguments[0]).toAbsolutePath();
        try {
            var settings = Settings.read(file);
            check(settings);
            Files.createDirectories(settings.directory().resolve("tmp"));
            for (int i = 0; i < settings.taskmanagers(); i++) {
                write(settings, file, i);
            }
            System.out.println(settings.directory());
            System.out.println(settings.taskmanagers());
            System.out.println(settings.restartTaskmanager());
        } catch (Settings.Bad e) {
            System.err.println("kafka-streams: " + e.getMessage());
            System.exit(64);
        } catch (IOException e) {
            System.err.println("kafka-streams: the directory can't be prepared: " + e);
            System.exit(1);
        }
    }

    private static void check(Settings settings) throws Settings.Bad {
        if (settings.guarantee() == Settings.Guarantee.NONE) {
            throw new Settings.Bad("guarantee=none: Kafka Streams always commits its offsets; use at_least_once");
        }
        if (settings.variant() != Settings.Variant.DEFAULT) {
            throw new Settings.Bad("variant=tuned: Kafka Streams has only the variant `default`, with the shortest session timeout");
        }
    }

    private static void write(Settings settings, Path file, int instance) throws IOException {
        var name = "taskmanager-" + instance;
        var directory = settings.directory();
        new JavaCommand(settings.heapMb())
                .add("-XX:+UseParallelGC", "-XX:-UsePerfData")
                .add("-Dlog.file=" + directory.resolve(name + ".log"), "-Djava.io.tmpdir=" + directory.resolve("tmp"))
                .add(Application.class.getName(), file.toString(), Integer.toString(instance))
                .write(directory, name);
    }
}
