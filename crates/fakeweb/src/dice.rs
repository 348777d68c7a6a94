//! The only source of chance: numbers that follow from the seed and from what they are for.
//!
//! Never keeps state between two questions, so that a page is the same whoever asks, and in whatever order.

/// What a number is drawn for. Two purposes never share their numbers, so that one more draw for links does not
/// change a path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Cast = 1,
    Path,
    Title,
    Links,
    Redirect,
    Markup,
    Robots,
    Refusal,
    Vocabulary,
}

/// A stream of numbers (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

/// The odd constant nearest 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The stream of one page for one purpose.
    pub(crate) fn of(seed: u64, host: u32, page: u32, purpose: Purpose) -> Self {
        let place = u64::from(host) << 32 | u64::from(page);
        Self(mix(mix(seed.wrapping_add(GOLDEN.wrapping_mul(purpose as u64))) ^ mix(place)))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 where `bound` is 0. The bias is below `bound` / 2⁶⁴.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len() as u64) as usize]
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with probability `p`: never at 0, always at 1.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_places_are_independent() {
        let first = |host, page, purpose| Dice::of(7, host, page, purpose).next();
        assert_eq!(first(1, 2, Purpose::Path), first(1, 2, Purpose::Path));
        assert_ne!(first(1, 2, Purpose::Path), first(1, 2, Purpose::Title));
        // Page p + 1 for one purpose must not be page p for the next.
        assert_ne!(first(1, 2, Purpose::Path), first(1, 3, Purpose::Cast));
        assert_ne!(first(1, 2, Purpose::Path), first(2, 1, Purpose::Path));
    }

    #[test]
    fn numbers_stay_in_range_and_spread() {
        let mut dice = Dice::of(1, 0, 0, Purpose::Links);
        let mut seen = [0; 10];
        for _ in 0..1_000 {
            seen[dice.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (60..140).contains(n)), "{seen:?}");
        assert_eq!(dice.below(0), 0);
        assert!((0..100).all(|_| dice.chance(1.0) && !dice.chance(0.0)));
    }
}
