//! Counts the states of a scope and says what it took: `states <scope> [threads] [--without-memory]`.
#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]

use truecut_model::{Options, check, scope};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "pr".into());
    let threads = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(2);
    let scope = scope(&name).expect("a scope of the list");
    let mut last = std::time::Instant::now();
    let began = last;
    let mut progress = |progress: truecut_model::Progress| {
        if last.elapsed().as_secs() >= 5 {
            last = std::time::Instant::now();
            println!("{:.0} s: {progress:?}", began.elapsed().as_secs_f64());
        }
    };
    let options = Options { threads, time_limit: None, mutant: None, progress: &mut progress };
    let report = check(scope, options);
    println!(
        "{name}: {} unique, {} generated, depth {}, holds {}, {:.1} s",
        report.unique_states,
        report.generated_states,
        report.depth,
        report.holds(),
        report.seconds
    );
    println!("{:?}", report.cost);
}
