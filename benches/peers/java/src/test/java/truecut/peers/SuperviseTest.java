package truecut.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the scripts do with processes. The processes are real; only `java` is another program, which sleeps. */
class SuperviseTest {
    /** Told its settings instead of reading them; a process it is told to run says that it was given a slot. */
    private static final String JAVA =
            """
            #!/bin/bash
            case "$1" in
              -version) ;;
              @*) file=${1#@}; echo 'Receive slot request' >"${file%.args}.log"; exec sleep 600 ;;
              *) printf '%s\\n' "$DIRECTORY" "$WORKERS" "$RESTART" ;;
            esac
            """;

    @TempDir
    Path folder;

    private Process script;

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (script != null) {
            script.destroy();
            assertTrue(script.waitFor(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void aKilledWorkerIsReplacedAndSigtermEndsAll() throws Exception {
        start("flink", 2, true);
        var before = pids(3);
        assertEquals(List.of("jobmanager", "taskmanager", "taskmanager"), before.stream().map(line -> line[0]).toList());
        kill(before.get(1));
        var after = until(() -> {
            var now = pids(3);
            return now.get(1)[1].equals(before.get(2)[1]) ? now : null;
        });
        assertEquals(before.get(0)[1], after.get(0)[1], "the leader goes on");
        assertTrue(after.stream().allMatch(SuperviseTest::lives));

        script.destroy();
        assertTrue(script.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, script.exitValue());
        assertFalse(after.stream().anyMatch(SuperviseTest::lives));
        assertEquals("", Files.readString(folder.resolve("run/pids")));
    }

    @Test
    void aWorkerThatIsNotReplacedIsForgotten() throws Exception {
        start("kafka-streams", 2, false);
        var before = pids(2);
        kill(before.get(0));
        assertEquals(before.get(1)[1], pids(1).get(0)[1]);
        assertTrue(script.isAlive());

        kill(before.get(1));
        assertTrue(script.waitFor(30, TimeUnit.SECONDS));
        assertEquals(1, script.exitValue(), "with the last worker the job has ended");
    }

    @Test
    void withoutItsLeaderAJobEnds() throws Exception {
        start("flink", 1, true);
        var before = pids(2);
        kill(before.get(0));
        assertTrue(script.waitFor(30, TimeUnit.SECONDS));
        assertEquals(1, script.exitValue());
        assertFalse(lives(before.get(1)));
    }

    @Test
    void whenTheScriptIsKilledItsProcessesDie() throws Exception {
        assumeTrue(new ProcessBuilder("bash", "-c", "command -v setpriv").start().waitFor() == 0);
        start("kafka-streams", 1, true);
        var before = pids(1);
        script.destroyForcibly();
        until(() -> lives(before.get(0)) ? null : true);
    }

    /** The scripts as they are, beside jars that nobody opens. */
    private void start(String peer, int workers, boolean restart) throws IOException {
        var scripts = Path.of("..").toAbsolutePath().normalize();
        var place = folder.resolve(peer);
        Files.createDirectories(place.resolve("target/lib"));
        Files.createDirectories(folder.resolve("java/bin"));
        Files.createDirectories(folder.resolve("run"));
        Files.writeString(place.resolve("target/peer.jar"), "");
        Files.writeString(place.resolve("target/lib/other.jar"), "");
        Files.copy(scripts.resolve("supervise.sh"), folder.resolve("supervise.sh"));
        Files.copy(scripts.resolve(peer).resolve("run.sh"), place.resolve("run.sh"));
        var java = folder.resolve("java/bin/java");
        Files.writeString(java, JAVA);
        assertTrue(java.toFile().setExecutable(true));
        var settings = Files.writeString(folder.resolve("settings.properties"), "");

        var builder = new ProcessBuilder("bash", place.resolve("run.sh").toString(), settings.toString());
        builder.environment().put("JAVA_HOME", folder.resolve("java").toString());
        builder.environment().put("DIRECTORY", folder.resolve("run").toString());
        builder.environment().put("WORKERS", Integer.toString(workers));
        builder.environment().put("RESTART", Boolean.toString(restart));
        var log = folder.resolve("script.log").toFile();
        script = builder.redirectErrorStream(true).redirectOutput(log).start();
    }

    /** The lines of the file, once it has as many: role and process id. */
    private List<String[]> pids(int count) throws Exception {
        var file = folder.resolve("run/pids");
        return until(() -> {
            if (!Files.exists(file)) {
                return null;
            }
            var lines = Files.readAllLines(file).stream().map(line -> line.split(" ")).toList();
            return lines.size() == count ? lines : null;
        });
    }

    private static void kill(String[] process) {
        assertTrue(ProcessHandle.of(Long.parseLong(process[1])).orElseThrow().destroyForcibly());
    }

    /** A dead process that nobody has waited for yet does not live. */
    private static boolean lives(String[] process) {
        try {
            var stat = Files.readString(Path.of("/proc", process[1], "stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException e) {
            return false;
        }
    }

    private static <T> T until(Callable<T> condition) throws Exception {
        for (int i = 0; i < 600; i++) {
            var answer = condition.call();
            if (answer != null) {
                return answer;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("waited in vain");
    }
}
