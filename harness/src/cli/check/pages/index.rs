//! The page that leads to the others: properties, and which of them each mutant violates.

use truecut_model::{Verdict, properties, scope_of};

use super::Known;

pub(super) fn page(known: &[Known<'_>]) -> String {
    let killed = || known.iter().filter(|each| each.kill.is_some());
    let mut text = format!(
        "# What is checked, and what would be found\n\n{} properties, {} mutants that they find, {} that nothing can tell from the \
         protocol. How to read this: [model/README.md](../../model/README.md).\n\n## Properties\n\n| | property | what it says |\n| --- | --- | --- |\n",
        properties().len(),
        killed().count(),
        known.len() - killed().count(),
    );
    for (number, property) in (1..).zip(properties()) {
        text +=
            &format!("| {number} | [`{0}`](properties/{0}.md) | {1} |\n", property.name, property.meaning);
    }
    text += "\n## Kill matrix\n\nEach mutant in the whole of its scope. **●**: the property that must find it; ○: violated, too; –: not asked \
             there, since the world itself breaks it or nothing could fail it. Steps: of a shortest counterexample.\n\n";
    let numbers = (1..=properties().len()).map(|number| number.to_string()).collect::<Vec<_>>();
    text += &format!("| mutant | scope | steps | {} |\n", numbers.join(" | "));
    text += &format!("| --- | --- | --- |{}\n", " --- |".repeat(numbers.len()));
    for each in killed() {
        let name = each.mutant.name();
        let steps = each.kill.map_or(0, |kill| kill.steps);
        let cells: Vec<&str> = properties().iter().map(|property| cell(each, property.name)).collect();
        let scope = &scope_of(each.mutant).name;
        text += &format!("| [`{name}`](mutants/{name}.md) | `{scope}` | {steps} | {} |\n", cells.join(" | "));
    }
    text += "\n## The same as the protocol\n\nTheir whole scope was searched, and nothing is violated; why that must be so is on their pages.\n\n\
             | mutant | scope | states |\n| --- | --- | --- |\n";
    for each in known.iter().filter(|each| each.kill.is_none()) {
        let (name, whole) = (each.mutant.name(), each.whole);
        text += &format!("| [`{name}`](mutants/{name}.md) | `{}` | {} |\n", whole.scope, whole.unique_states);
    }
    text
}

fn cell(known: &Known<'_>, property: &str) -> &'static str {
    let report = known.whole.properties.iter().find(|report| report.name == property);
    match report.map(|report| report.verdict) {
        Some(Verdict::Violated) if known.is_expected(property) => "**●**",
        Some(Verdict::Violated) => "○",
        Some(Verdict::Holds) => "",
        Some(Verdict::Unknown) => "?",
        None => "–",
    }
}
