//! How long the parts take alone. `cargo bench -p truecut-micro [-- FILTER]` measures them; the tests run each body once.
//!
//! Decides what is measured of which part; how, is criterion's. Whole jobs are measured by `truecut bench`.

mod codecs;
mod exchange;
mod hosted;
mod input;
mod roles;
mod state;
mod store;
mod traces;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for measure in
        [roles::measure, exchange::measure, codecs::measure, state::measure, store::measure, traces::measure]
    {
        measure(&mut criterion);
    }
    criterion.final_summary();
}
