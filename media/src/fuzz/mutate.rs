//! Mutations of seeds by a seeded generator: the same seed makes the same inputs, on any toolchain. No coverage guides it;
//! libFuzzer does that where it is at hand.

/// Longest input made: a few dozen packets of full size.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// Values that break comparisons.
const EDGES: [u8; 8] = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];

/// Makes inputs without end.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    input: Vec<u8>,
}

impl Mutator {
    /// From a seed of randomness and inputs to start from; with none, from the empty input.
    pub fn new(seed: u64, mut seeds: Vec<Vec<u8>>) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Self { state: seed, seeds, input: Vec::new() }
    }

    /// The next input: a seed with one to eight mutations.
    pub fn next_input(&mut self) -> &[u8] {
        let seed = self.below(self.seeds.len());
        let seed = self.seeds.get(seed).map(Vec::as_slice).unwrap_or_default();
        self.input.clear();
        self.input.extend_from_slice(seed);
        for _ in 0..=self.below(8) {
            self.mutate();
        }
        self.input.truncate(INPUT_BYTES_MAX);
        &self.input
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random() % bound.max(1) as u64) as usize
    }

    /// A place near the beginning as often as anywhere: headers stand there.
    fn place(&mut self) -> usize {
        let bound = if self.random().is_multiple_of(2) { self.input.len().min(64) } else { self.input.len() };
        self.below(bound)
    }

    /// A stretch of at most 64 bytes.
    fn stretch(&mut self) -> std::ops::Range<usize> {
        let start = self.place();
        let length = self.below(64.min(self.input.len() - start.min(self.input.len())) + 1);
        start..(start + length).min(self.input.len())
    }

    fn mutate(&mut self) {
        let at = self.place();
        let random = self.random();
        // Cutting and splicing are rare: they take away what the other mutations would have reached.
        match random % 32 {
            0..8 => self.set(at, |byte| byte ^ 1 << (random >> 8 & 7)),
            8..13 => self.set(at, |_| (random >> 8) as u8),
            13..18 => self.set(at, |_| EDGES.get((random >> 8 & 7) as usize).copied().unwrap_or(0)),
            18..23 => self.set(at, |byte| byte.wrapping_add((random >> 8 & 15) as u8).wrapping_sub(8)),
            23..25 => {
                let bytes: Vec<u8> = (0..random >> 8 & 15).map(|shift| (random >> (shift * 4)) as u8).collect();
                self.input.splice(at..at, bytes);
            }
            25..27 => {
                let stretch = self.stretch();
                self.input.drain(stretch);
            }
            27..30 => {
                let stretch = self.stretch();
                let copy = self.input.get(stretch).map(<[u8]>::to_vec).unwrap_or_default();
                self.input.splice(at..at, copy);
            }
            30 => self.input.truncate(at),
            _ => self.splice(at),
        }
    }

    fn set(&mut self, at: usize, change: impl FnOnce(u8) -> u8) {
        if let Some(byte) = self.input.get_mut(at) {
            *byte = change(*byte);
        }
    }

    /// Goes on with the tail of another seed.
    fn splice(&mut self, at: usize) {
        let other = self.below(self.seeds.len());
        let length = self.seeds.get(other).map_or(0, Vec::len);
        let from = self.below(length + 1);
        let tail = self.seeds.get(other).and_then(|seed| seed.get(from..)).unwrap_or_default();
        self.input.truncate(at);
        self.input.extend_from_slice(tail);
    }
}
