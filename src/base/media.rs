//! What a file that is no text is, by its first bytes, and how such bytes stand in JSON.
//!
//! Invariants
//! - The bytes decide, never a name: a provider refuses a request whose image is not what it is said to be.
//! - [`base64()`] is frozen, like the JSON escaper: stored requests are put together again with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kind of file that models can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    Png,
    Jpeg,
    Gif,
    WebP,
    Pdf,
}

impl MediaType {
    /// What begins like this.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            _ => None,
        }
    }

    /// The name on the wire.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    pub const fn is_image(self) -> bool {
        !matches!(self, Self::Pdf)
    }
}

/// Base 64 with padding, in one line.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_decide() {
        assert_eq!(MediaType::of(b"\x89PNG\r\n\x1a\n\0"), Some(MediaType::Png));
        assert_eq!(MediaType::of(b"\xff\xd8\xff\xe0"), Some(MediaType::Jpeg));
        assert_eq!(MediaType::of(b"GIF89a"), Some(MediaType::Gif));
        assert_eq!(MediaType::of(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some(MediaType::WebP));
        assert_eq!(MediaType::of(b"%PDF-1.7"), Some(MediaType::Pdf));
        for none in [&b""[..], b"PNG", b"GIF88a", b"%PDF", b"RIFF1234WAVE", b"\x89PNG\n"] {
            assert_eq!(MediaType::of(none), None);
        }
        assert!(MediaType::Png.is_image() && !MediaType::Pdf.is_image());
    }

    #[test]
    fn golden() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(&[0, 255, 16, 62, 63]), "AP8QPj8=");
    }
}
