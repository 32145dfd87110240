//! Takes random walks through a scope and says how far they went: `walks <scope> [walks] [seed] [mutant]`.
#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]

use truecut_model::{JobModel, WalkOptions, deep_scope, scope, walk};
use truecut_mutants::Mutant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("deep", String::as_str);
    let number =
        |place: usize, usual| arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let mutant = arguments.get(3).map(|name| Mutant::from_name(name).expect("a mutant of the list"));
    let scope = deep_scope(name).or_else(|| scope(name)).expect("a scope of the lists");
    let options = WalkOptions {
        seed: number(2, 1),
        walks: number(1, 1000),
        threads: 2,
        time_limit: None,
        progress: &|_| {},
    };
    let report = walk(&JobModel::new(scope, mutant), &options);
    println!("{:?}, longest {}, {:.1} s", report.walked, report.longest, report.seconds);
    for property in &report.properties {
        println!("{} {} witnessed {}", property.name, property.verdict, property.witnessed);
        if let Some(counterexample) = &property.counterexample {
            println!("{counterexample}");
        }
    }
    if let Some((said, way)) = &report.panic {
        println!("{said}\n{way}");
    }
}
