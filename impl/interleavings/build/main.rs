//! Takes the sources of the runtime's shared structures as they are, and once more for each mutant with its edits.
//!
//! Decides how a source of the runtime becomes a module here: `std::sync` is loom's, `crate` is the module around it, its own
//! tests stay behind. What the mutants are is said in `mutants.rs`, what must hold in `src/scenarios.rs`.

mod mutants;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use mutants::{MUTANTS, Mutant};

/// The structures: files of `impl/runtime/src`.
const FILES: [&str; 5] = ["batch", "records", "credit", "inbox", "exchange"];

/// What stands for what, in this order.
const PATHS: [(&str, &str); 4] = [
    ("std::sync::", "crate::sync::"),
    ("crate::task::", "truecut_runtime::task::"),
    ("crate::trace::", "truecut_runtime::trace::"),
    ("crate::kafka::", "truecut_runtime::kafka::"),
];

#[expect(clippy::print_stdout, reason = "that is how a build script speaks")]
fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut sources = Vec::new();
    for name in FILES {
        let path = here.join("../runtime/src").join(name).with_extension("rs");
        println!("cargo::rerun-if-changed={}", path.display());
        sources.push((name, fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?));
    }
    println!("cargo::rerun-if-changed=build");
    fs::write(out.join("as_is.rs"), modules(&sources, |_, text| text)?)?;
    fs::write(out.join("mutants.rs"), all_mutants(&sources, &here.join("src/scenarios.rs"))?)?;
    Ok(())
}

/// A module for each mutant, and the table of all of them. One whose edits find no place is in the table without a module, for a
/// test to complain about: whoever changes the runtime need not know this package to build.
fn all_mutants(sources: &[(&str, String)], scenarios: &Path) -> Result<String, Box<dyn Error>> {
    let (mut all, mut table) = (String::new(), String::new());
    for mutant in MUTANTS {
        let Mutant { name, file, scenario, finding, .. } = mutant;
        let source = sources.iter().find(|(source, _)| source == file).map(|(_, text)| text);
        let run = match edited(mutant, source.ok_or("a mutant of an unknown file")?) {
            Ok(_) => {
                let edit = |of: &str, text: String| {
                    if of == *file { edited(mutant, &text).unwrap_or(text) } else { text }
                };
                let body = modules(sources, edit)?;
                writeln!(all, "pub mod {name} {{\n{body}\n#[path = {scenarios:?}]\npub mod scenarios;\n}}")?;
                format!("Ok({name}::scenarios::{scenario} as fn())")
            }
            Err(why) => format!("Err({why:?})"),
        };
        writeln!(table, "Mutant {{ name: {name:?}, finding: {finding:?}, run: {run} }},")?;
    }
    writeln!(all, "/// Every mutant.\npub static MUTANTS: &[Mutant] = &[\n{table}];")?;
    Ok(all)
}

/// The sources as inline modules.
fn modules(
    sources: &[(&str, String)],
    edit: impl Fn(&str, String) -> String,
) -> Result<String, std::fmt::Error> {
    let mut all = String::new();
    for (name, text) in sources {
        writeln!(
            all,
            "/// `{name}.rs` of the runtime.\npub mod {name} {{\n{}}}",
            module(&edit(name, text.clone()))
        )?;
    }
    Ok(all)
}

/// A source without its own tests and its introduction, with its paths led here.
fn module(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut body: String =
        body.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    for (from, to) in PATHS {
        body = body.replace(from, to);
    }
    // What is left of `crate` is a neighbour. The module that stands for std's stays where it is.
    body.replace("crate::sync::", "\u{0}").replace("crate::", "super::").replace('\u{0}', "crate::sync::")
}

/// The source with the mutant's edits, each of which must find exactly one place.
fn edited(mutant: &Mutant, text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    for (from, to) in mutant.edits {
        let places = text.matches(from).count();
        if places != 1 {
            return Err(format!(
                "{}.rs has {places} places, not one, of this text; say in impl/interleavings/build/mutants.rs where it is now:\n{from}",
                mutant.file
            ));
        }
        text = text.replace(from, to);
    }
    Ok(text)
}
