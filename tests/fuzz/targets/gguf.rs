//! The heads of model files.

use std::io::BufReader;

use retort::agent::local::gguf::{BadGguf, read};

use super::bytes::Dice;
use made_gguf::Made;

#[path = "../../it/support/made_gguf.rs"]
#[allow(clippy::duplicate_mod, reason = "the tests around this target have it as well")]
mod made_gguf;

/// Any bytes are read, the same in any pieces; what is behind the head does not count, and a head that is cut is no head.
pub fn gguf(bytes: &[u8]) {
    let said = read(bytes);
    let mut dice = Dice::of(bytes);
    assert_eq!(read(BufReader::with_capacity(1 + dice.below(30), bytes)), said);
    let Ok(said) = said else { return };
    assert!((2..=3).contains(&said.version));
    let texts = [Some(&said.architecture), said.name.as_ref(), said.size_label.as_ref()];
    assert!(texts.into_iter().flatten().all(|text| text.chars().count() <= 256));
    let _ = said.quantisation();
    assert_eq!(read(&*[bytes, b"and more"].concat()).as_ref(), Ok(&said));
    let cut = read(&bytes[..dice.below(bytes.len())]);
    assert!(matches!(&cut, Ok(same) if *same == said) || matches!(cut, Err(BadGguf::Cut | BadGguf::NotGguf)), "{cut:?}");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let of = |version, big| Made::version(version, big).text("general.architecture", "llama").seven().bytes();
    vec![
        of(3, false),
        of(3, true),
        of(2, false),
        Made::new("clip").text("general.type", "mmproj").bytes(),
        Made::new("gemma3").numbers("gemma3.attention.head_count_kv", &[1, 2]).number("gemma3.block_count", 2).bytes(),
        Made::new("llama").lying_text("general.name").bytes(),
        Made::new("llama").lying_list("x", 9).bytes(),
    ]
}
