package truecut.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which files are taken, and how the others are refused. */
class SettingsTest {
    private static final String GOOD =
            """
            bootstrap=localhost:9092
            input=in
            output=out
            name=peer
            function=pass-through
            guarantee=exactly_once
            interval_ms=100
            parallelism=2
            directory=/tmp/peer
            """;

    @TempDir
    Path folder;

    @Test
    void whatIsNotSaidHasItsDefault() throws Exception {
        var settings = read(GOOD);
        assertEquals(Settings.Function.PASS_THROUGH, settings.function());
        assertEquals(Settings.Variant.DEFAULT, settings.variant());
        assertEquals(1, settings.taskmanagers());
        assertEquals(2, settings.slots());
        assertEquals(Path.of("/tmp/peer"), settings.directory());
    }

    @Test
    void whatMakesNoSenseIsRefusedInOneLineThatNamesIt() {
        refused(GOOD.replace("input=in\n", ""), "input missing");
        refused(GOOD + "paralellism=3\n", "paralellism unknown");
        refused(GOOD.replace("interval_ms=100", "interval_ms=0"), "interval_ms=0 must be a whole number from 1 to 3600000");
        refused(GOOD.replace("parallelism=2", "parallelism=two"), "parallelism=two");
        refused(GOOD.replace("pass-through", "pass_through"), "must be one of pass-through, count, currency, bids");
        refused(GOOD.replace("exactly_once", "exactly-once"), "guarantee=exactly-once");
        refused(GOOD.replace("name=peer", "name=a b"), "name=a b");
        refused(GOOD.replace("/tmp/peer", "/tmp/a peer"), "directory=");
        refused(GOOD + "restart_taskmanager=yes\n", "must be true or false");
        refused(GOOD + "variant=fast\n", "must be one of default, tuned");
        refused(GOOD.replace("output=out", "output="), "must not be empty");
    }

    @Test
    void aFileThatIsNotThereIsSaidSo() {
        var refused = assertThrows(Settings.Bad.class, () -> Settings.read(folder.resolve("none")));
        assertTrue(refused.getMessage().contains("none can't be read"), refused.getMessage());
    }

    private void refused(String text, String why) {
        var refused = assertThrows(Settings.Bad.class, () -> read(text), text);
        assertTrue(refused.getMessage().contains(why), refused.getMessage());
        assertEquals(1, refused.getMessage().lines().count());
    }

    private Settings read(String text) throws IOException, Settings.Bad {
        var file = folder.resolve("settings.properties");
        Files.writeString(file, text);
        return Settings.read(file);
    }
}
