//! Does the head of the checkpoint store change hands? Each of its versions has one author: two coordinators that both believe
//! to have swapped the same version would both complete checkpoints.

use std::collections::BTreeMap;

use truecut_core::{Effect, HeadVersion, Input, Op, Outcome, Request};
use truecut_runtime::trace::{Event, Frame, Header, RoleId};

/// Swaps of all coordinators of a run.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The version that each coordinator is trying to become the author of.
    trying: BTreeMap<u64, HeadVersion>,
    authors: BTreeMap<HeadVersion, u64>,
    conflicts: Vec<String>,
}

impl Heads {
    /// Takes in a frame, in the order of its trace.
    pub(super) fn visit(&mut self, header: &Header, frame: &Frame) {
        if header.role != RoleId::Coordinator {
            return;
        }
        if let Event::Effect(Effect::Start { request: Request::SwapHead { expected, .. }, .. }) = &frame.event
        {
            self.trying.insert(header.instance, expected.next());
        } else if let Event::Input {
            input: Input::Done { op: Op::SwapHead, outcome: Outcome::Swapped }, ..
        } = &frame.event
            && let Some(version) = self.trying.remove(&header.instance)
        {
            self.swapped(header.instance, version);
        }
    }

    fn swapped(&mut self, instance: u64, version: HeadVersion) {
        let author = self.authors.insert(version, instance);
        if author.is_some() {
            let process = |instance: u64| instance >> 32;
            let author = author.map_or(0, process);
            self.conflicts.push(format!(
                "version {} of the head was swapped in by two coordinators, processes {author} and {}",
                version.get(),
                process(instance)
            ));
        }
    }

    /// What is wrong.
    pub(super) fn into_conflicts(self) -> Vec<String> {
        self.conflicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_with_two_authors_is_told() {
        let mut heads = Heads::default();
        heads.swapped(7 << 32, HeadVersion::new(1));
        heads.swapped(7 << 32, HeadVersion::new(2));
        heads.swapped(8 << 32, HeadVersion::new(3));
        assert!(heads.conflicts.is_empty());
        heads.swapped(7 << 32, HeadVersion::new(3));
        assert_eq!(
            heads.into_conflicts(),
            ["version 3 of the head was swapped in by two coordinators, processes 8 and 7"]
        );
    }
}
