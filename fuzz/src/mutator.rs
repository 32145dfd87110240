//! Makes new inputs of old ones, a few small changes at a time.

use crate::dice::Dice;

/// No input gets longer.
pub const LONGEST: usize = 4096;

/// Bytes at which readers change their minds: ends of ranges, first and last tags, continued numbers.
const TELLING: [u8; 12] = [0, 1, 2, 3, 4, 7, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff];

/// One to sixteen changes.
pub fn mutate(dice: &mut Dice, input: &mut Vec<u8>, other: &[u8]) {
    let most = 1 << dice.below(5);
    for _ in 0..=dice.below(most) {
        change(dice, input, other);
    }
    input.truncate(LONGEST);
}

fn change(dice: &mut Dice, input: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(input.len());
    match (dice.below(10), input.get(at).copied()) {
        (0, Some(byte)) => input[at] = byte ^ 1 << dice.below(8),
        (1, Some(_)) => input[at] = TELLING[dice.below(TELLING.len())],
        (2, Some(byte)) => input[at] = byte.wrapping_add(dice.byte() % 16).wrapping_sub(8),
        (3, Some(_)) => drop(input.drain(at..(at + 1 + few(dice)).min(input.len()))),
        (4, Some(_)) => {
            let again: Vec<u8> = input[at..(at + 1 + few(dice)).min(input.len())].to_vec();
            let place = dice.below(input.len());
            input.splice(place..place, again);
        }
        (5, Some(_)) => input.truncate(at),
        (6 | 7, _) if !other.is_empty() => {
            let from = dice.below(other.len());
            let part = &other[from..(from + 1 + few(dice)).min(other.len())];
            let end = if dice.one_in(2) { at } else { (at + part.len()).min(input.len()) };
            input.splice(at.min(end)..end, part.iter().copied());
        }
        (8, Some(_)) => {
            let with = dice.below(input.len());
            input.swap(at, with);
        }
        (_, _) => {
            let byte = if dice.one_in(2) { dice.byte() } else { TELLING[dice.below(TELLING.len())] };
            let end = at.min(input.len());
            input.splice(end..end, std::iter::repeat_n(byte, 1 + few(dice) / 4));
        }
    }
}

/// Mostly few, seldom many.
fn few(dice: &mut Dice) -> usize {
    let most = 1 << dice.below(8);
    dice.below(most)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn inputs_differ_and_stay_bounded() {
        let (mut dice, mut all) = (Dice::new(1), HashSet::new());
        for _ in 0..10_000 {
            let mut input = b"one of some length".to_vec();
            mutate(&mut dice, &mut input, b"another one");
            all.insert(input);
        }
        assert!(all.len() > 5_000, "{}", all.len());
        let mut longest = vec![0; LONGEST];
        for _ in 0..1_000 {
            mutate(&mut dice, &mut longest, b"another one");
            assert!(longest.len() <= LONGEST);
        }
    }
}
