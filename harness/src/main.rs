//! The `truecut` program: first whatever it may have been started as again, then the command line.

use std::process::ExitCode;

use truecut_runtime::program::Functions;

mod cli;

/// A search of millions of states is mostly made of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    truecut_cluster::reaper_main(std::env::args_os());
    if let Some(code) = truecut_runtime::process::entry(&Functions::default()) {
        return code;
    }
    cli::main()
}
