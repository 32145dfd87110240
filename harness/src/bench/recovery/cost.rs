//! What each kill cost, from when records were handed over and when their outputs came. What a subject told of itself adds phases.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Conducted, Killed};
use crate::bench::document::{
    CAUGHT_UP_P50, CAUGHT_UP_P99, EVERY_P50, FIRST_P50, FIRST_P99, KILLS, NOTICED_P50, RUNNING_P50,
    Recovered, WAIT_P50,
};
use crate::bench::feed::Fed;
use crate::bench::read::Seen;
use crate::bench::statistics::real;
use crate::bench::subject::{Phase, Told};
use crate::failure::Failure;

/// Records handed over so long before a kill may have to wait for what it cost.
const BEFORE: Duration = Duration::from_secs(2);
/// Records handed over so shortly before the first kill may have to wait for it, and say nothing of what is usual.
const CALM: Duration = Duration::from_millis(500);
/// Waiting is usual up to so many times the usual median.
const USUAL: u32 = 2;

/// How long one record waited for its output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    partition: i32,
    handed_over: Instant,
    visible: Instant,
}

impl Wait {
    fn length(&self) -> Duration {
        self.visible.saturating_duration_since(self.handed_over)
    }
}

/// Every record that was fed and seen, in the order in which they were handed over.
pub(super) fn waits(fed: &Fed, seen: &[Seen]) -> Vec<Wait> {
    let wait = |seen: &Seen| {
        let handed_over = fed.when(seen.partition, seen.offset)?;
        Some(Wait { partition: seen.partition, handed_over, visible: seen.at })
    };
    let mut waits: Vec<Wait> = seen.iter().filter_map(wait).collect();
    waits.sort_by_key(|wait| wait.handed_over);
    waits
}

/// What each kill cost.
pub(super) fn of_kills(
    conducted: &Conducted,
    waits: &[Wait],
    told: &[Told],
) -> Result<Vec<Recovered>, Failure> {
    let Some(first) = conducted.kills.first() else { return Ok(Vec::new()) };
    let usual = usual(conducted, waits, first.at).map(|usual| usual * USUAL);
    let ends = conducted.kills.iter().skip(1).map(|next| Some(next.at)).chain([None]);
    let cost = |(killed, end): (&Killed, Option<Instant>)| {
        cost(*killed, end, (waits, conducted.partitions), usual, told).ok_or_else(|| {
            Failure::internal("an output that was waited for is not among those that were seen")
        })
    };
    conducted.kills.iter().zip(ends).map(cost).collect()
}

/// The median of what waits as usual: once the start is got over, and before the first kill.
fn usual(conducted: &Conducted, waits: &[Wait], killed: Instant) -> Option<Duration> {
    let first = conducted.first_output?;
    let settled = first + killed.saturating_duration_since(first) / 2;
    let calm = waits.iter().filter(|wait| wait.handed_over >= settled && wait.handed_over + CALM < killed);
    let mut lengths: Vec<Duration> = calm.map(Wait::length).collect();
    lengths.sort_unstable();
    percentile(&lengths, 50)
}

fn cost(
    killed: Killed,
    end: Option<Instant>,
    (waits, partitions): (&[Wait], u16),
    usual: Option<Duration>,
    told: &[Told],
) -> Option<Recovered> {
    let from = killed.at.checked_sub(BEFORE).unwrap_or(killed.at);
    let concerned =
        waits.iter().filter(|wait| wait.handed_over >= from && end.is_none_or(|end| wait.handed_over < end));
    let (mut first, mut caught_up): (BTreeMap<i32, Instant>, BTreeMap<i32, Instant>) = Default::default();
    let mut longest = Duration::ZERO;
    for wait in concerned {
        if wait.visible >= killed.at {
            longest = longest.max(wait.length());
        }
        if wait.handed_over < killed.at {
            continue;
        }
        let found = |of: &mut BTreeMap<i32, Instant>| {
            of.entry(wait.partition).and_modify(|at| *at = wait.visible.min(*at)).or_insert(wait.visible);
        };
        found(&mut first);
        if usual.is_some_and(|usual| wait.length() <= usual) {
            found(&mut caught_up);
        }
    }
    let since = |at: Instant| ms(at.saturating_duration_since(killed.at));
    let of_all = |of: &BTreeMap<i32, Instant>| {
        of.values().max().filter(|_| of.len() == usize::from(partitions)).copied().map(since)
    };
    let next_us = end.map(|end| killed.unix_us + micros(end.saturating_duration_since(killed.at)));
    let phase = |what: Phase| {
        let of_kill = |told: &&Told| {
            told.what == what
                && told.unix_us >= killed.unix_us
                && next_us.is_none_or(|next| told.unix_us < next)
        };
        told.iter().find(of_kill).map(|told| real(told.unix_us - killed.unix_us) / 1e3)
    };
    Some(Recovered {
        first_ms: since(*first.values().min()?),
        every_partition_ms: of_all(&first)?,
        caught_up_ms: of_all(&caught_up),
        longest_wait_ms: ms(longest),
        noticed_ms: phase(Phase::Noticed),
        running_ms: phase(Phase::Running),
    })
}

/// The numbers of a run from those of its kills.
pub(super) fn summary(kills: &[Recovered]) -> BTreeMap<String, f64> {
    let of = |value: fn(&Recovered) -> Option<f64>| {
        let mut values: Vec<f64> = kills.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (first, caught_up) = (of(|kill| Some(kill.first_ms)), of(|kill| kill.caught_up_ms));
    let values = [
        (FIRST_P50, percentile(&first, 50)),
        (FIRST_P99, percentile(&first, 99)),
        (WAIT_P50, percentile(&of(|kill| Some(kill.longest_wait_ms)), 50)),
        (EVERY_P50, percentile(&of(|kill| Some(kill.every_partition_ms)), 50)),
        (CAUGHT_UP_P50, percentile(&caught_up, 50)),
        (CAUGHT_UP_P99, percentile(&caught_up, 99)),
        (NOTICED_P50, percentile(&of(|kill| kill.noticed_ms), 50)),
        (RUNNING_P50, percentile(&of(|kill| kill.running_ms), 50)),
        (KILLS, Some(real(u64::try_from(kills.len()).unwrap_or(u64::MAX))).filter(|kills| *kills > 0.0)),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Of sorted values the one that so many per cent are no greater than (nearest rank).
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn ms(duration: Duration) -> f64 {
    real(micros(duration)) / 1e3
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITIONS: u16 = 4;

    /// A record each 10 ms in each partition, that usually waits 20 ms; what is due between a kill and 300 ms later waits for that.
    fn a_kill_at(kill_ms: u64) -> (Conducted, Vec<Wait>) {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut waits = Vec::new();
        for slot in 0..1_000 {
            let handed_over = slot * 10;
            let due = handed_over + 20;
            for partition in 0..i32::from(PARTITIONS) {
                // The last partition takes 50 ms more to come back.
                let back = kill_ms + if partition == 3 { 350 } else { 300 };
                let visible = if due > kill_ms && due < back { back } else { due };
                waits.push(Wait { partition, handed_over: at(handed_over), visible: at(visible) });
            }
        }
        let kills = vec![Killed { at: at(kill_ms), unix_us: 5_000_000 }];
        (Conducted { partitions: PARTITIONS, first_output: Some(zero), kills, gave_up: None }, waits)
    }

    #[test]
    fn a_kill_costs_what_the_records_around_it_waited() {
        let (conducted, waits) = a_kill_at(5_000);
        let told = [
            Told { unix_us: 4_999_000, what: Phase::Running },
            Told { unix_us: 5_002_500, what: Phase::Noticed },
            Told { unix_us: 5_090_000, what: Phase::Running },
        ];
        let costs = of_kills(&conducted, &waits, &told).expect("all was seen");
        let expected = Recovered {
            first_ms: 300.0,
            every_partition_ms: 350.0,
            caught_up_ms: Some(350.0),
            longest_wait_ms: 360.0,
            noticed_ms: Some(2.5),
            running_ms: Some(90.0),
        };
        assert_eq!(costs, [expected]);
        assert_eq!(summary(&costs)[FIRST_P99], 300.0);
    }

    #[test]
    fn caught_up_is_who_is_as_close_behind_as_usual() {
        let (conducted, mut waits) = a_kill_at(5_000);
        let killed = conducted.kills[0].at;
        // From 300 ms after the kill what waits is worked off twice as fast as it came.
        for wait in waits.iter_mut().filter(|wait| wait.handed_over >= killed) {
            let worked_off = killed + Duration::from_millis(300) + (wait.handed_over - killed) / 2;
            wait.visible = worked_off.max(wait.handed_over + Duration::from_millis(20));
        }
        let costs = of_kills(&conducted, &waits, &[]).expect("all was seen");
        assert_eq!((costs[0].first_ms, costs[0].every_partition_ms), (300.0, 300.0));
        assert_eq!(costs[0].caught_up_ms, Some(560.0), "what was handed over 520 ms after it waits 40 ms");
        waits.retain(|wait| wait.handed_over < killed + Duration::from_millis(510));
        let costs = of_kills(&conducted, &waits, &[]).expect("all was seen");
        assert_eq!(costs[0].caught_up_ms, None, "nothing waited so little");
    }

    #[test]
    fn what_waited_for_the_start_is_not_usual() {
        let (conducted, mut waits) = a_kill_at(5_000);
        let started = conducted.first_output.expect("it is there");
        let late = Duration::from_secs(2);
        for wait in waits.iter_mut().filter(|wait| wait.handed_over < started + late) {
            wait.visible = started + late;
        }
        let costs = of_kills(&conducted, &waits, &[]).expect("all was seen");
        assert_eq!(costs[0].caught_up_ms, Some(350.0));
        let calm_is_missing: Vec<Wait> =
            waits.into_iter().filter(|wait| wait.handed_over + CALM >= conducted.kills[0].at).collect();
        let costs = of_kills(&conducted, &calm_is_missing, &[]).expect("all was seen");
        assert_eq!(costs[0].caught_up_ms, None, "nobody knows what is usual");
    }

    #[test]
    fn a_partition_that_stays_silent_is_no_recovery() {
        let (conducted, mut waits) = a_kill_at(5_000);
        let killed = conducted.kills[0].at;
        waits.retain(|wait| wait.partition != 2 || wait.handed_over < killed);
        assert!(of_kills(&conducted, &waits, &[]).is_err());
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values: Vec<u32> = (1..=20).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (Some(10), Some(20)));
        assert_eq!(percentile::<u32>(&[], 50), None);
        assert_eq!(summary(&[]), BTreeMap::new());
    }
}
