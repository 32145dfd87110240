//! The raw peer as a benchmark starts it: what it does on Kafka is tested, and judged, there.

use std::process::Command;

#[test]
fn bad_settings_end_it_with_one_clear_line() {
    let file = std::env::temp_dir().join(format!("truecut-raw-{}.properties", std::process::id()));
    std::fs::write(&file, "bootstrap=127.0.0.1:1\nfunction=count\n").expect("it can be written");
    for (argument, said) in [(Some(file.as_path()), "property"), (None, "give the path")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_truecut-raw"));
        let output = command.args(argument).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(said) && text.lines().count() == 1, "{text}");
    }
    std::fs::remove_file(&file).expect("it is there");
}
