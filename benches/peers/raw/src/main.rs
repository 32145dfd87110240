//! The raw peer of truecut's benchmarks: the loop that a good engineer writes with librdkafka, and nothing around it. Each thread consumes
//! its partitions, computes, produces, and ends a transaction at every interval.
//!
//! It keeps no state beyond its memory and can't recover: it is what the client itself can do, and so a bound for whoever can. What
//! it reads and writes is the contract of docs/benchmarks.md.

mod function;
mod native;
mod properties;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};

use properties::Properties;

/// Small allocations are what the loop has most of, besides the client's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("truecut-raw: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why it could not go on.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn run() -> Result<(), Failure> {
    let path = std::env::args_os().nth(1).ok_or("give the path of a properties file")?;
    let properties = Arc::new(Properties::read(path.as_ref())?);
    // Blocked before any thread is made, so that no thread gets it but the one that waits for it.
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    ends.thread_block()?;
    let stop = Arc::new(AtomicBool::new(false));
    let start = |thread: u16| {
        let (properties, stop) = (Arc::clone(&properties), Arc::clone(&stop));
        std::thread::spawn(move || {
            if let Err(error) = work::run(&properties, thread, &stop) {
                eprintln!("truecut-raw: thread {thread}: {error}");
                std::process::exit(1);
            }
        })
    };
    let threads: Vec<_> = (0..properties.parallelism).map(start).collect();
    ends.wait()?;
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    Ok(())
}
