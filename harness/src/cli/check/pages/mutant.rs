//! The page of a mutant: what it does wrong, who did it before, what finds it and how.

use truecut_mutants::Expected;

use super::{Known, bugs, history};

pub(super) fn page(known: &Known<'_>) -> String {
    let info = known.mutant.info();
    let name = info.name;
    let mut text = format!("# `{name}`\n\n{}\n\n| | |\n| --- | --- |\n", info.meaning);
    let places: Vec<String> = info.places.iter().map(|place| format!("{place:?}").to_lowercase()).collect();
    let mut row = |what: &str, told: &str| text += &format!("| {what} | {told} |\n");
    row("it sits at", &places.join(", "));
    if !info.bugs.is_empty() {
        row("real bugs of this kind", &bugs(known.mutant));
    }
    if let (Expected::Killed { property, scope, alone }, Some(kill)) = (info.expected, known.kill) {
        let link = link(property);
        let steps = kill.steps;
        match kill.killed_by {
            Some(_) => row("found by", &format!("{link}, in scope `{scope}`, after {steps} steps")),
            None => row("**not found** by", &format!("{link}, in scope `{scope}`")),
        }
        let others: Vec<String> =
            known.whole.violated().into_iter().filter(|other| *other != property).map(self::link).collect();
        let told = match (alone, others.is_empty()) {
            (_, false) => others.join(", "),
            (true, true) => "nothing: without that property nothing would find it".to_owned(),
            (false, true) => "nothing".to_owned(),
        };
        row("in the whole scope it also violates", &told);
    }
    if let Expected::Equivalent { argument, scope } = info.expected {
        row("found by", &format!("nothing, in all of scope `{scope}`: {} states", known.whole.unique_states));
        row("why", argument);
    }
    if let Some((said, _)) = &known.whole.panic {
        row("an assertion of the core fails", said);
    }
    row("source", &format!("[impl/mutants/src/{name}.rs](../../../impl/mutants/src/{name}.rs)"));
    if let Some(kill) = known.kill {
        text +=
            &format!("\n## How it fails\n\nOne of the shortest ways (`truecut check --mutant {name}`):\n\n");
        text += &history(kill);
    }
    text
}

fn link(property: &str) -> String {
    format!("[`{property}`](../properties/{property}.md)")
}
