//! The page of a property: what it says, where it could fail, what it finds.

use truecut_model::Property;

use super::{Known, bugs, history};

pub(super) fn page(property: &Property, known: &[Known<'_>]) -> String {
    let name = property.name;
    let mut text = format!(
        "# `{name}`\n\n{}\n\n*Witnessed* when {}\n\nSource: [model/src/property/{name}.rs](../../../model/src/property/{name}.rs)\n",
        property.meaning,
        lower(property.witness),
    );
    text += "\n## Mutants that it must find\n\n| mutant | what it does | real bugs | scope | steps | finds it alone |\n| --- | --- | --- | --- | --- | --- |\n";
    for each in known.iter().filter(|each| each.is_expected(name)) {
        let info = each.mutant.info();
        let steps = each.kill.map_or(0, |kill| kill.steps);
        let alone = if each.whole.violated() == [name] { "yes" } else { "" };
        text += &format!(
            "| [`{mutant}`](../mutants/{mutant}.md) | {} | {} | `{}` | {steps} | {alone} |\n",
            info.meaning,
            bugs(each.mutant),
            info.scope(),
            mutant = info.name,
        );
    }
    let others = known.iter().filter(|each| !each.is_expected(name) && each.violates(name));
    let others: Vec<String> =
        others.map(|each| format!("[`{0}`](../mutants/{0}.md)", each.mutant.name())).collect();
    if !others.is_empty() {
        text += &format!("\nOthers that violate it, too: {}.\n", others.join(", "));
    }
    let kills = known.iter().filter(|each| each.is_expected(name)).filter_map(|each| each.kill);
    if let Some(kill) = kills.filter(|kill| kill.killed_by.is_some()).min_by_key(|kill| kill.steps) {
        text += &format!("\n## How it can fail\n\nThe shortest way of all, with `{}`:\n\n", kill.name);
        text += &history(kill);
    }
    text
}

/// A sentence that goes on after other words.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_lowercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}
