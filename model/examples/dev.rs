//! dev
use truecut_model::*;
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let limit = std::time::Duration::from_secs(args.get(3).map_or(60, |t| t.parse().unwrap()));
    if args[1] == "mutants" {
        for m in truecut_mutants::Mutant::all() {
            if args.get(2).is_some_and(|n| n != "all" && n != m.name()) {
                continue;
            }
            let r = check_mutant(
                *m,
                Options { threads: 2, time_limit: Some(limit), mutant: None, progress: &mut |_| {} },
            );
            println!(
                "{:32} {:32} {:?} {} {:.2}s {} steps",
                r.name, r.expected, r.killed_by, r.scope, r.seconds, r.steps
            );
            if args.len() > 4 {
                println!("{}", r.counterexample.unwrap());
            }
        }
        return;
    }
    let mutant = args.get(2).and_then(|n| truecut_mutants::Mutant::from_name(n));
    let s = scope(&args[1]).unwrap();
    let r = check(
        s,
        Options { threads: 2, time_limit: Some(limit), mutant, progress: &mut |p| eprintln!("{p:?}") },
    );
    println!(
        "{} unique {} generated {} depth {} {:.2}s complete {} -> {:.0}/s",
        r.scope,
        r.unique_states,
        r.generated_states,
        r.depth,
        r.seconds,
        r.complete,
        r.unique_states as f64 / r.seconds
    );
    for p in &r.properties {
        println!("  {:32} {} witnessed {}", p.name, p.verdict, p.witnessed);
    }
    for p in &r.properties {
        if let Some(c) = &p.counterexample {
            println!("{}:\n{c}", p.name);
        }
    }
    if let Some((m, c)) = &r.panic {
        println!("PANIC {m}\n{c}");
    }
}
