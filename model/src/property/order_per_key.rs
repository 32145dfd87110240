//! Committed results of one input partition and key stand in the order of the input.

use crate::lineage::Record;
use crate::property::{Event, Judgement, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "order_per_key",
    meaning: "Committed results of one input partition and key stand in the order of the input.",
    witness: "Two such results are committed by different transactions.",
    judge,
};

fn judge(seen: &Seen<'_>, event: &Event) -> Judgement {
    let Event::Committed { landed, .. } = event else { return Judgement::Nothing };
    let mut several = 0;
    for log in seen.kafka().logs() {
        let committed: Vec<_> = seen.kafka().committed_in(log).copied().collect();
        for (place, later) in committed.iter().enumerate() {
            let same = |earlier: &&Record| (earlier.partition, earlier.key) == (later.partition, later.key);
            let before = || committed[..place].iter().filter(same);
            // A repeated record is not out of order: no_duplicate finds it.
            if before().any(|earlier| earlier.offset > later.offset)
                && !before().any(|earlier| earlier.is_of(*later))
            {
                return Judgement::Violated;
            }
            several += before().count();
        }
    }
    Judgement::of(false, several >= *landed && several > 0)
}
