//! Chance from a seed, the same everywhere.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below this one; 0 below 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits").max(1);
        usize::try_from(self.draw() % bound).expect("below a usize")
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }

    /// Whether one of so many comes up.
    pub fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}
