//! Containers that stand alone: ASiC-E with CAdES (ETSI EN 319 162-1), as a ZIP file.
//!
//! ```text
//! mimetype                       application/vnd.etsi.asic-e+zip, first and stored
//! <message id>/…                 what was fetched: message, receipts, a bag for each package
//! META-INF/ASiCManifest001.xml   SHA-256 of every file above
//! META-INF/signature001.p7s      the signature over it: CAdES baseline B, detached
//! META-INF/ASiCManifest002.xml   SHA-256 of the signature, if it has a time-stamp
//! META-INF/timestamp002.tst      the token over that (RFC 3161)
//! ```
//!
//! Promises: what is written, `unzip`, `openssl cms` and `openssl ts` read; what is read is hostile:
//! nothing of it is believed before [`zip::Archive`], [`manifest`] and [`cms`] have each said so.
//!
//! It won't look into the files: what makes a bag or a receipt is known elsewhere.

pub mod cms;
pub mod manifest;
pub mod stamp;
pub mod zip;

use crate::crypto::der::{GENERALIZED_TIME, Malformed, UTC_TIME, Value};
use crate::domain::Timestamp;

/// The first file of a container.
pub const MIMETYPE: &str = "mimetype";
/// What stands in it.
pub const MEDIA_TYPE: &str = "application/vnd.etsi.asic-e+zip";
/// The manifest of the files.
pub const MANIFEST: &str = "META-INF/ASiCManifest001.xml";
/// The signature over it.
pub const SIGNATURE: &str = "META-INF/signature001.p7s";
/// The manifest of the signature.
pub const STAMP_MANIFEST: &str = "META-INF/ASiCManifest002.xml";
/// The time-stamp token over that.
pub const STAMP: &str = "META-INF/timestamp002.tst";

/// A time as certificates and signatures write it: the two forms of RFC 5280 section 4.1.2.5, also with
/// the fractions that time-stamps have.
fn time_of(value: &Value<'_>) -> Result<Timestamp, Malformed> {
    let text = std::str::from_utf8(value.content).map_err(|_| Malformed)?;
    let digits = text.strip_suffix('Z').ok_or(Malformed)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole = match (value.tag, whole.len()) {
        (GENERALIZED_TIME, 14) => whole.to_owned(),
        (UTC_TIME, 12) if whole < "50" => format!("20{whole}"),
        (UTC_TIME, 12) => format!("19{whole}"),
        _ => return Err(Malformed),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(&whole) || !is_number(fraction) {
        return Err(Malformed);
    }
    let part = |from: usize, to: usize| &whole[from..to];
    let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
    let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    let text = format!("{date}T{}:{}:{}.{ms}Z", part(8, 10), part(10, 12), part(12, 14));
    Timestamp::parse(&text).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_forms() {
        for (tag, text, read) in [
            (UTC_TIME, "261128210000Z", Some("2026-11-28T21:00:00.000Z")),
            (UTC_TIME, "990101000000Z", Some("1999-01-01T00:00:00.000Z")),
            (GENERALIZED_TIME, "20500102030405Z", Some("2050-01-02T03:04:05.000Z")),
            (GENERALIZED_TIME, "20500102030405.6789Z", Some("2050-01-02T03:04:05.678Z")),
            (GENERALIZED_TIME, "20500102030405", None),
            (GENERALIZED_TIME, "20501302030405Z", None),
            (GENERALIZED_TIME, "2050010203040xZ", None),
            (GENERALIZED_TIME, "20500102030405.Z", None),
            (UTC_TIME, "2611282100Z", None),
            (UTC_TIME, "26112821000\u{e9}Z", None),
        ] {
            let value = Value { tag, content: text.as_bytes(), whole: &[] };
            let time = time_of(&value).ok().map(|time| time.to_string());
            assert_eq!(time.as_deref(), read, "{text}");
        }
    }
}
