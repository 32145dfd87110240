//! Reads the job's metrics as Prometheus would, now and then, into a file of the run directory. Its judge is nobody: a reading that
//! fails is left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::history;

/// The name of the readings in a run directory.
pub const METRICS_FILE: &str = "metrics.ndjson";
/// Between two readings.
const EVERY: Duration = Duration::from_millis(500);
/// How long one may take.
const LIMIT: Duration = Duration::from_millis(300);

/// One reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Milliseconds since the run started.
    pub t_ms: u64,
    /// Values by name and labels, as they were served.
    pub metrics: BTreeMap<String, f64>,
}

/// Reads until it is dropped.
#[derive(Debug)]
pub(super) struct Scraper {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scraper {
    /// Chooses a free address, and reads what is served there.
    pub(super) fn start(directory: &Path, history: history::Writer) -> Result<Self, Failure> {
        let path = directory.join(METRICS_FILE);
        let mut file = File::create_new(&path).map_err(Failure::at("write", &path))?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address =
            free.map_err(|error| Failure::environment(format!("no port is free for metrics: {error}")))?;
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let body = move || {
            while !over.load(Ordering::Relaxed) {
                if let Ok(text) = get(address) {
                    let reading = Reading { t_ms: history.now_ms(), metrics: parse(&text) };
                    let line = serde_json::to_string(&reading).unwrap_or_default();
                    // On a full disk there is more to say than this.
                    drop(writeln!(file, "{line}"));
                }
                std::thread::sleep(EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("scraper".into()).spawn(body);
        let thread =
            thread.map_err(|error| Failure::environment(format!("can't start a thread: {error}")))?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where the job is to serve its metrics.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed, and shows as readings that are not there.
            drop(thread.join());
        }
    }
}

/// Asks for the metrics. A connection carries one answer, so it ends where the connection does.
fn get(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(
        format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.starts_with("HTTP/1.1 200 ") {
        Ok(body.to_owned())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// The samples of Prometheus's text format: a name with its labels, a space, a value.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    samples.filter_map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_and_comments_are_not() {
        let text = "# HELP a what\n# TYPE a gauge\na{worker=\"1\",partition=\"0\"} 5\nb 0.250\nbroken\n";
        let read = parse(text);
        assert_eq!(read.get("a{worker=\"1\",partition=\"0\"}"), Some(&5.0));
        assert_eq!((read.get("b"), read.len()), (Some(&0.25), 2));
    }
}
