//! Runs one program of the machine to its end: silent when it works, telling when it does not.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Runs `command`; the error is what it said, or that it is missing or took longer than `limit`.
pub(crate) async fn run(mut command: Command, limit: Duration) -> Result<String, String> {
    let name = command.as_std().get_program().display().to_string();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Err(_) => return Err(format!("`{name}` did not end within {} s", limit.as_secs())),
        Ok(Err(e)) => return Err(format!("`{name}` could not be run: {e}")),
        Ok(Ok(output)) => output,
    };
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Ok(said.into_owned());
    }
    Err(format!("`{name}` failed ({}):\n{}", output.status, last_lines(&format!("{said}{complained}"), 12)))
}

/// The last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The major version of this machine's Java, if one runs.
pub(crate) async fn java_major() -> Option<u32> {
    let mut command = Command::new("java");
    command.arg("-version").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await.ok()?.ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut numbers = said.split('"').nth(1)?.split(['.', '_', '-', '+']);
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

/// Whether a program of this name is in `PATH` or among root's programs.
pub(crate) fn is_here(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(more).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_program_is_quoted_and_a_missing_one_named() {
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo no such luck >&2; exit 4"]);
        let said = run(failing, Duration::from_secs(10)).await.expect_err("it fails");
        assert!(said.contains("no such luck") && said.contains('4'), "{said}");
        let said =
            run(Command::new("no-such-program"), Duration::from_secs(10)).await.expect_err("it is missing");
        assert!(said.contains("no-such-program"), "{said}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let mut hanging = Command::new("sleep");
        hanging.arg("60");
        let said = run(hanging, Duration::from_millis(100)).await.expect_err("it hangs");
        assert!(said.contains("did not end"), "{said}");
    }
}
