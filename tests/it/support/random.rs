//! Reproducible randomness: every randomised test uses a fixed seed.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

pub struct Chance(StdRng);

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Returns a number from 0 to `below` - 1.
    pub fn below(&mut self, below: usize) -> usize {
        self.0.random_range(0..below)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        from.choose(&mut self.0).unwrap_or(&from[0])
    }
}
