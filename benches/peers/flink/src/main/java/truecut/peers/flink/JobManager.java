package truecut.peers.flink;

import org.apache.flink.client.deployment.application.ApplicationClusterEntryPoint;
import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.runtime.resourcemanager.StandaloneResourceManagerFactory;
import org.apache.flink.runtime.util.SignalHandler;

/**
 * The JobManager of a standalone application cluster: Flink's own, told where its job is. Flink's class for that,
 * `StandaloneApplicationClusterEntryPoint`, does the same, but is published only within the whole distribution.
 */
@SuppressWarnings("try") // of Flink's own close(), which nobody calls here
public final class JobManager extends ApplicationClusterEntryPoint {
    private JobManager(Configuration configuration, PackagedProgram program) {
        super(configuration, program, StandaloneResourceManagerFactory.getInstance());
    }

    /** Takes the folder of `config.yaml` and the path of the properties file. */
    public static void main(String[] arguments) throws Exception {
        SignalHandler.register(LOG);
        var configuration = GlobalConfiguration.loadConfiguration(arguments[0]);
        var program = PackagedProgram.newBuilder()
                .setEntryPointClassName(PeerJob.class.getName())
                .setArguments(arguments[1])
                .build();
        configureExecution(configuration, program);
        ClusterEntrypoint.runClusterEntrypoint(new JobManager(configuration, program));
    }
}
