package truecut.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The arguments of a Java process, written to a file that `java @FILE` reads. Decides nothing about what is run. */
public final class JavaCommand {
    private final List<String> lines = new ArrayList<>();

    /** A process with the class path of this one. */
    public JavaCommand(int heapMb) {
        add("-Xms" + heapMb + "m", "-Xmx" + heapMb + "m", "-XX:+ExitOnOutOfMemoryError");
        // Of a JVM's start a good part is loading classes; the shared archive of the JDK's own is on by default.
        add("-cp", System.getProperty("java.class.path"));
    }

    /** Adds options or arguments. */
    public JavaCommand add(String... arguments) {
        for (String argument : arguments) {
            lines.add('"' + argument.replace("\\", "\\\\").replace("\"", "\\\"") + '"');
        }
        return this;
    }

    /** Writes `DIRECTORY/NAME.args`. */
    public void write(Path directory, String name) throws IOException {
        Files.write(directory.resolve(name + ".args"), lines);
    }
}
