//! What a process's log proves about its death.

use std::path::Path;

/// Whether the last words of a process say that it reached this crash point (`KIND.PLACE`): the log is written through, so
/// they are there although the process was killed right after them.
pub(super) fn names_crash_point(logs: &Path, process: &str, point: &str) -> bool {
    let Some((name, place)) = point.split_once('.') else { return false };
    let text = std::fs::read_to_string(logs.join(format!("{process}.log"))).unwrap_or_default();
    let said = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let fields = line.get("fields")?;
        let is =
            |field: &str, value: &str| fields.get(field).and_then(serde_json::Value::as_str) == Some(value);
        Some(is("message", "crash point reached") && is("name", name) && is("place", place))
    };
    text.lines().any(|line| said(line) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_place_counts() {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"{"level":"WARN","fields":{"message":"crash point reached","name":"flush","place":"answered"}}"#;
        std::fs::write(folder.path().join("worker-1-2.log"), format!("torn {{\n{line}\n")).unwrap();
        assert!(names_crash_point(folder.path(), "worker-1-2", "flush.answered"));
        assert!(!names_crash_point(folder.path(), "worker-1-2", "flush.before"));
        assert!(!names_crash_point(folder.path(), "worker-1-3", "flush.answered"));
    }
}
