package truecut.peers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a run is told, by one properties file. Decides which settings there are and which values are refused; what
 * they lead to is each peer's own.
 *
 * @param bootstrap Kafka's address, host and port
 * @param input topic that is read from its beginning
 * @param output topic that is written
 * @param name application id, consumer group and prefix of transactional ids
 * @param function what is done to the records
 * @param guarantee what the output must be after failures
 * @param intervalMs checkpoint or commit interval in milliseconds
 * @param parallelism subtasks, or threads of an instance
 * @param directory the run's own, absolute
 * @param variant which failure detection
 * @param taskmanagers worker processes
 * @param slots subtasks that a worker process has room for
 * @param restartTaskmanager whether a worker process that ended is started again
 * @param inputByKey whether each key's input lies in one partition, so that a keyed function needs no shuffle
 * @param heapMb heap of a worker process in MiB
 */
public record Settings(
        String bootstrap,
        String input,
        String output,
        String name,
        Function function,
        Guarantee guarantee,
        int intervalMs,
        int parallelism,
        Path directory,
        Variant variant,
        int taskmanagers,
        int slots,
        boolean restartTaskmanager,
        boolean inputByKey,
        int heapMb) {

    /** What is done to the records. */
    public enum Function { PASS_THROUGH, COUNT, CURRENCY, BIDS }

    /** What the output must be after failures. */
    public enum Guarantee { EXACTLY_ONCE, AT_LEAST_ONCE, NONE }

    /** Failure detection: as it comes, or as fast as it can be made. */
    public enum Variant { DEFAULT, TUNED }

    /** A setting that is missing or makes no sense; the message is one line for a person. */
    public static final class Bad extends Exception {
        private static final long serialVersionUID = 1;

        /** Says what, where and what to do. */
        public Bad(String message) {
            super(message);
        }
    }

    private static final Set<String> REQUIRED =
            Set.of("bootstrap", "input", "output", "name", "function", "guarantee", "interval_ms", "parallelism", "directory");
    private static final Set<String> OPTIONAL =
            Set.of("variant", "taskmanagers", "slots", "restart_taskmanager", "input_by_key", "heap_mb");

    /** Reads and checks a properties file. */
    public static Settings read(Path file) throws Bad {
        var properties = new Properties();
        try (InputStream in = Files.newInputStream(file)) {
            properties.load(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new Bad(file + " can't be read: " + e);
        }
        return new Reader(file, properties).settings();
    }

    private record Reader(Path file, Properties properties) {
        Settings settings() throws Bad {
            checkNames();
            int parallelism = number("parallelism", 1, 1024, 0);
            var directory = Path.of(text("directory")).toAbsolutePath().normalize();
            if (directory.toString().matches(".*[\\s\"'\\\\].*")) {
                throw bad("directory", "must have no spaces, quotes or backslashes");
            }
            return new Settings(
                    text("bootstrap"),
                    text("input"),
                    text("output"),
                    name(),
                    choice("function", Function.class, null),
                    choice("guarantee", Guarantee.class, null),
                    number("interval_ms", 1, 3_600_000, 0),
                    parallelism,
                    directory,
                    choice("variant", Variant.class, Variant.DEFAULT),
                    number("taskmanagers", 1, 64, 1),
                    number("slots", 1, 1024, parallelism),
                    yes("restart_taskmanager"),
                    yes("input_by_key"),
                    number("heap_mb", 128, 1_048_576, 1024));
        }

        private void checkNames() throws Bad {
            var missing = new TreeSet<>(REQUIRED);
            missing.removeAll(properties.stringPropertyNames());
            if (!missing.isEmpty()) {
                throw new Bad(file + ": " + String.join(", ", missing) + " missing");
            }
            var unknown = new TreeSet<>(properties.stringPropertyNames());
            unknown.removeAll(REQUIRED);
            unknown.removeAll(OPTIONAL);
            if (!unknown.isEmpty()) {
                var known = new TreeSet<>(REQUIRED);
                known.addAll(OPTIONAL);
                throw new Bad(file + ": " + String.join(", ", unknown) + " unknown; there are " + String.join(", ", known));
            }
        }

        private String text(String key) throws Bad {
            var value = properties.getProperty(key).strip();
            if (value.isEmpty()) {
                throw bad(key, "must not be empty");
            }
            return value;
        }

        /** It becomes part of transactional ids, client ids and internal topics. */
        private String name() throws Bad {
            var name = text("name");
            if (!name.matches("[a-zA-Z0-9._-]{1,100}")) {
                throw bad("name", "must have 1 to 100 letters, digits, dots, underscores or hyphens");
            }
            return name;
        }

        private int number(String key, int least, int most, int absent) throws Bad {
            if (properties.getProperty(key) == null) {
                return absent;
            }
            try {
                int value = Integer.parseInt(text(key));
                if (value >= least && value <= most) {
                    return value;
                }
            } catch (NumberFormatException e) {
                // Told below like any other value that is no such number.
            }
            throw bad(key, "must be a whole number from " + least + " to " + most);
        }

        private boolean yes(String key) throws Bad {
            return switch (properties.getProperty(key, "false").strip()) {
                case "true" -> true;
                case "false" -> false;
                default -> throw bad(key, "must be true or false");
            };
        }

        private <E extends Enum<E>> E choice(String key, Class<E> type, E absent) throws Bad {
            if (absent != null && properties.getProperty(key) == null) {
                return absent;
            }
            var value = text(key);
            for (E choice : type.getEnumConstants()) {
                if (spelling(choice).equals(value)) {
                    return choice;
                }
            }
            var all = Arrays.stream(type.getEnumConstants()).map(Reader::spelling).toList();
            throw bad(key, "must be one of " + String.join(", ", all));
        }

        /** Functions are spelt with hyphens, all else with underscores. */
        private static String spelling(Enum<?> choice) {
            var name = choice.name().toLowerCase(Locale.ROOT);
            return choice instanceof Function ? name.replace('_', '-') : name;
        }

        private Bad bad(String key, String what) {
            return new Bad(file + ": " + key + "=" + properties.getProperty(key) + " " + what);
        }
    }
}
