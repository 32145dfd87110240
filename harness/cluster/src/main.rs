//! The cluster by itself: brokers to try things on, and the image made ahead. `truecut` is the program for all else.

use std::process::ExitCode;
use std::sync::Arc;

use truecut_cluster::{
    Cluster, KAFKA_VERSION, KafkaChoice, Options, Progress, Release, ensure_image, reaper_main,
};

const USAGE: &str = "\
truecut-cluster image [RELEASE]   have an image of Kafka: the one here, or one pulled, or one built
truecut-cluster brokers COUNT WHICH RUN
                                  run brokers until a line or the end of standard input comes; COUNT is 1 or 3,
                                  WHICH is auto, container or process, RUN labels them";

fn main() -> ExitCode {
    reaper_main(std::env::args_os());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["image"] => image(KAFKA_VERSION),
        ["image", release] => image(release),
        ["brokers", count, which, run] => brokers(count, which, run),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(3)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn image(release: &str) -> Result<(), String> {
    let release: Release = release.parse().map_err(|e| format!("{e}"))?;
    let image = ensure_image(release, &progress()).await.map_err(|e| e.to_string())?;
    eprintln!("    Kafka runs from {image}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn brokers(count: &str, which: &str, run: &str) -> Result<(), String> {
    let choice: KafkaChoice = which.parse().map_err(|e| format!("{e}"))?;
    let mut options = Options::new(run);
    options.brokers = count.parse().map_err(|e| format!("`{count}` is no number of brokers: {e}"))?;
    options.progress = progress();
    let cluster = Cluster::start(choice, options).await.map_err(|e| e.to_string())?;
    eprintln!("ready {}", cluster.bootstrap());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| e.to_string())?;
    cluster.stop().await.map_err(|e| e.to_string())
}

fn progress() -> Progress {
    Arc::new(|line| eprintln!("    {line}"))
}
