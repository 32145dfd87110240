//! `checkpoint_regression`: what is complete went back, was forgotten or completed twice; the head of the store says two things in one
//! version; an attempt restores another checkpoint than the latest complete one; or a checkpoint was completed without the
//! acknowledgement, in its own attempt, of a subtask that is in it.

use super::class::Class;
use super::findings::{Collector, Example};
use super::journal::{Completed, Head, Journal};
use super::view::looked_at;

/// Judges every version of the head and every completed checkpoint; returns how many there are.
pub(super) fn check(journal: &Journal, completed: &[Completed<'_>], found: &mut Collector) -> u64 {
    for pair in journal.heads.windows(2) {
        if let Some(what) = wrong(&pair[0], &pair[1]) {
            found.add(Class::CheckpointRegression, || Example {
                text: format!("version {} of the head {what}", pair[1].version),
                ..Example::default()
            });
        }
    }
    for Completed { checkpoint, .. } in completed {
        let (attempt, id) = checkpoint.name;
        if checkpoint.triggered && !checkpoint.unacknowledged.is_empty() {
            let who = checkpoint.unacknowledged.join(", ");
            found.add(Class::CheckpointRegression, || Example {
                text: format!(
                    "checkpoint {id} of attempt {attempt} was completed without an acknowledgement of {who} in that attempt"
                ),
                ..Example::default()
            });
        }
    }
    restores(journal, found);
    looked_at(&journal.heads) + looked_at(completed)
}

/// An attempt restores what was complete when it was claimed.
fn restores(journal: &Journal, found: &mut Collector) {
    for restore in &journal.restores {
        let claim = |head: &&Head| {
            head.attempt == restore.attempt && head.latest.is_some_and(|latest| latest.0 < restore.attempt)
        };
        let latest = journal.heads.iter().find(claim).and_then(|head| head.latest);
        if let Some((attempt, id)) = latest.filter(|latest| *latest != restore.checkpoint) {
            let ((_, restored), into) = (restore.checkpoint, restore.attempt);
            found.add(Class::CheckpointRegression, || Example {
                text: format!(
                    "attempt {into} restores checkpoint {restored}, but checkpoint {id} of attempt {attempt} was complete \
                     when it was claimed"
                ),
                ..Example::default()
            });
        }
    }
}

fn wrong(before: &Head, after: &Head) -> Option<String> {
    let told = |head: &Head| match head.latest {
        Some((attempt, id)) => format!("attempt {}, checkpoint {id} of attempt {attempt}", head.attempt),
        None => format!("attempt {}, no checkpoint", head.attempt),
    };
    if before.version == after.version {
        let same = (before.attempt, before.latest) == (after.attempt, after.latest);
        return (!same).then(|| format!("is known as two: {}; {}", told(before), told(after)));
    }
    if after.attempt < before.attempt {
        return Some(format!("goes back from attempt {} to {}", before.attempt, after.attempt));
    }
    let next_to_each_other = after.version == before.version + 1;
    match (before.latest, after.latest) {
        (was, is) if was == is => None,
        (Some(_), None) => Some(format!("forgets what was complete: {}", told(before))),
        (Some(was), Some(is)) if is.1 <= was.1 => {
            Some(format!("goes back from checkpoint {} to {}", was.1, is.1))
        }
        (_, Some(is)) if is.0 > after.attempt || (next_to_each_other && is.0 != after.attempt) => {
            Some(format!(
                "completes checkpoint {} of attempt {} while attempt {} is in force",
                is.1, is.0, after.attempt
            ))
        }
        _ if next_to_each_other && after.attempt != before.attempt => {
            Some("claims an attempt and completes a checkpoint at once".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: u64, attempt: u64, latest: Option<(u64, u64)>) -> Head {
        Head { version, attempt, latest, known_us: version, known_ms: 0 }
    }

    #[test]
    fn attempts_and_checkpoints_that_go_forward_are_right_also_with_versions_that_nobody_saw() {
        let good = [
            head(1, 1, None),
            head(2, 1, Some((1, 1))),
            head(3, 1, Some((1, 2))),
            head(4, 2, Some((1, 2))),
            head(7, 4, Some((3, 9))),
            head(7, 4, Some((3, 9))),
        ];
        for pair in good.windows(2) {
            assert_eq!(wrong(&pair[0], &pair[1]), None);
        }
    }

    #[test]
    fn each_way_back_is_told() {
        let cases = [
            (head(1, 2, None), head(2, 1, None), "goes back from attempt 2 to 1"),
            (head(1, 1, Some((1, 3))), head(2, 2, None), "forgets what was complete"),
            (head(1, 1, Some((1, 3))), head(2, 1, Some((1, 2))), "goes back from checkpoint 3 to 2"),
            (head(1, 1, Some((1, 3))), head(5, 2, Some((2, 3))), "goes back from checkpoint 3 to 3"),
            (head(1, 2, Some((1, 3))), head(2, 2, Some((1, 4))), "of attempt 1 while attempt 2 is in force"),
            (head(1, 1, Some((1, 3))), head(2, 2, Some((2, 4))), "claims an attempt and completes"),
            (head(1, 1, Some((1, 3))), head(1, 1, Some((1, 4))), "is known as two"),
        ];
        for (before, after, why) in cases {
            assert!(wrong(&before, &after).unwrap().contains(why), "{why}");
        }
    }
}
