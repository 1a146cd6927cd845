//! From bytes to what a target needs: parts, text, and choices.

/// Stands between the parts of an input. It is in no UTF-8 text.
pub const BETWEEN: u8 = 0xff;

/// The parts of an input.
pub fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == BETWEEN)
}

/// An input made of parts.
pub fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&BETWEEN)
}

/// Bytes as text; what is not UTF-8 becomes replacement characters.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Choices that the input itself decides.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn of(data: &[u8]) -> Self {
        let hash =
            data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        Self(hash)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.roll() % limit as u64) as usize }
    }

    /// Places at which to cut `length` items, the beginning and the end among them, in order.
    pub fn cuts(&mut self, length: usize) -> Vec<usize> {
        let mut cuts: Vec<usize> = (0..=self.below(6)).map(|_| self.below(length + 1)).chain([0, length]).collect();
        cuts.sort_unstable();
        cuts
    }
}

/// The pieces of `bytes` between cuts.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}
