//! Running a command of the shell in a container.

use bollard::Docker;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures::StreamExt as _;

use crate::engine::with_causes;
use crate::error::ClusterError;

/// Runs it to its end; says how it ended and what it said.
pub(crate) async fn exec(
    docker: &Docker,
    container: &str,
    command: &str,
) -> Result<(i64, String), ClusterError> {
    let failed = |e| ClusterError::engine(format!("run `{command}` in {container}"), with_causes(&e));
    let config = ExecConfig {
        cmd: Some(["sh", "-c", command].map(str::to_owned).into()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let id = docker.create_exec(container, config).await.map_err(failed)?.id;
    let mut said = String::new();
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&id, None).await.map_err(failed)?
    {
        while let Some(frame) = output.next().await {
            said.push_str(&String::from_utf8_lossy(&frame.map_err(failed)?.into_bytes()));
        }
    }
    let status = docker.inspect_exec(&id).await.map_err(failed)?.exit_code;
    Ok((status.unwrap_or(-1), said))
}
