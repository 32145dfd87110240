//! Where a benchmark was made: numbers mean nothing without it.

use serde::{Deserialize, Serialize};

/// The machine and the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Kernel and architecture.
    pub system: String,
    /// The processor's own name for itself.
    pub processor: String,
    /// Processors that this program may use.
    pub processors: usize,
    /// All memory, bytes.
    pub memory_bytes: u64,
    /// How truecut and the raw peer were built: with or without debug assertions.
    pub debug_assertions: bool,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes = field(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok());
        Self {
            system: format!("{} {} {}", std::env::consts::OS, kernel.trim(), std::env::consts::ARCH),
            processor: field(&processors, "model name").unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes.unwrap_or(0_u64) * 1024,
            debug_assertions: cfg!(debug_assertions),
        }
    }

    /// In a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { system, processor, processors, memory_bytes, debug_assertions } = self;
        let build = if *debug_assertions { "with debug assertions" } else { "release build" };
        let gib = memory_bytes / (1 << 30);
        format!("{processors} processors ({processor}), {gib} GiB of memory, {system}; {build}")
    }
}

/// The value of the first line `NAME : VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nMemTotal:   123 kB\n";
        assert_eq!(field(text, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "MemTotal"), Some("123 kB"));
        assert_eq!(field(text, "nothing"), None);
        assert!(Machine::here().memory_bytes > 0);
    }
}
