//! Prints the safety matrix.
#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]
use truecut_model::{check_cell, rows, strategies};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    for row in rows() {
        for strategy in strategies() {
            let cell = check_cell(*strategy, &row, 2);
            let witnessed = cell.report.properties.iter().filter(|property| property.witnessed).count();
            println!(
                "{} | {} | {} {:?} | {} states depth {} {:.1} s, {witnessed} witnessed {:?}",
                row.name(),
                strategy.name,
                cell.safety.name(),
                cell.report.violated(),
                cell.report.unique_states,
                cell.report.depth,
                cell.report.seconds,
                cell.report.panic.map(|p| p.0)
            );
        }
    }
}
