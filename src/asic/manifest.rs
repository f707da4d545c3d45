//! `ASiCManifest*.xml`: what is signed or stamped, with the SHA-256 of each file.
//!
//! Reading takes the elements of EN 319 162-1 annex A.4 and of XML what they need: no document type, so
//! no entity that the text itself defines.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::zip::ENTRIES_MAX;
use crate::crypto::Digest;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" \
    xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n";
const TAIL: &str = "</asic:ASiCManifest>\n";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// Media type of a signature.
pub const SIGNATURE_TYPE: &str = "application/pkcs7-signature";
/// Media type of a time-stamp token.
pub const STAMP_TYPE: &str = "application/vnd.etsi.timestamp-token";

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the XML of one.
    #[error("it is not a manifest: {0}")]
    Malformed(&'static str),
    /// A digest that is not supported.
    #[error("{0} has another digest than SHA-256")]
    OtherDigest(String),
    /// A file that is listed twice.
    #[error("it lists {0} twice")]
    Twice(String),
}

/// Writes a manifest for the signature or token `over` it.
pub fn write<'a>(
    over: &str,
    media_type: &str,
    files: impl IntoIterator<Item = (&'a str, &'a Digest)>,
) -> String {
    let mut text = HEAD.to_owned();
    let over = encoded(over);
    text.push_str(&format!("<asic:SigReference URI=\"{over}\" MimeType=\"{media_type}\"/>\n"));
    for (name, digest) in files {
        text.push_str(&format!(
            "<asic:DataObjectReference URI=\"{}\"><ds:DigestMethod Algorithm=\"{SHA256}\"/>\
             <ds:DigestValue>{}</ds:DigestValue></asic:DataObjectReference>\n",
            encoded(name),
            BASE64.encode(digest)
        ));
    }
    text.push_str(TAIL);
    text
}

/// A name as a relative reference (RFC 3986): what is left of it has no meaning in XML either.
pub fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The name that a reference stands for.
fn decoded(uri: &str) -> Result<String, ManifestError> {
    let bad = ManifestError::Malformed("a URI is not encoded as RFC 3986 asks");
    let (mut bytes, mut rest) = (Vec::new(), uri.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let Some(digits) = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok()) else {
            return Err(bad);
        };
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(byte) = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex) else {
            return Err(bad);
        };
        bytes.push(byte);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| bad)
}

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The file of the signature or token over it.
    pub over: String,
    /// Each file, with its SHA-256.
    pub files: BTreeMap<String, Digest>,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let (mut xml, mut manifest) = (Xml(text), Self::default());
        let root = xml.next()?.ok_or(ManifestError::Malformed("it is empty"))?;
        if root.local != "ASiCManifest" || root.kind != Kind::Open {
            return Err(ManifestError::Malformed("its root is not ASiCManifest"));
        }
        while let Some(tag) = xml.next()? {
            match (tag.kind, tag.local) {
                (Kind::Close, "ASiCManifest") if xml.next()?.is_none() => {
                    return match manifest.over.is_empty() {
                        true => Err(ManifestError::Malformed("it has no SigReference")),
                        false => Ok(manifest),
                    };
                }
                (Kind::Empty, "SigReference") if manifest.over.is_empty() => {
                    manifest.over = tag.name()?;
                }
                (Kind::Open, "DataObjectReference") => {
                    let name = tag.name()?;
                    let digest = xml.digest(&name)?;
                    if manifest.files.insert(name.clone(), digest).is_some() {
                        return Err(ManifestError::Twice(name));
                    }
                    if manifest.files.len() > ENTRIES_MAX {
                        return Err(ManifestError::Malformed("it lists too many files"));
                    }
                }
                _ => return Err(ManifestError::Malformed("it has an element that none has")),
            }
        }
        Err(ManifestError::Malformed("it has no end"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Empty,
}

struct Tag<'a> {
    kind: Kind,
    /// The name without its prefix.
    local: &'a str,
    attributes: &'a str,
}

/// Reads tags one after the other.
struct Xml<'a>(&'a str);

impl<'a> Xml<'a> {
    /// The next tag; no text stands between tags but where it is asked for.
    fn next(&mut self) -> Result<Option<Tag<'a>>, ManifestError> {
        loop {
            self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
            let skipped = [("<?xml ", "?>"), ("<!--", "-->")].into_iter().find_map(|(from, to)| {
                let (_, behind) = self.0.strip_prefix(from)?.split_once(to)?;
                Some(behind)
            });
            match skipped {
                Some(behind) => self.0 = behind,
                None => break,
            }
        }
        if self.0.is_empty() {
            return Ok(None);
        }
        let bad = ManifestError::Malformed("it is not XML without a document type");
        let Some((tag, behind)) = self.0.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        else {
            return Err(bad);
        };
        self.0 = behind;
        let (kind, tag) = match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
            (Some(name), _) => (Kind::Close, name),
            (None, Some(tag)) => (Kind::Empty, tag),
            (None, None) => (Kind::Open, tag),
        };
        let end = tag.find([' ', '\t', '\r', '\n']).unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(end);
        let local = name.rsplit(':').next().unwrap_or(name);
        match !local.is_empty() && local.bytes().all(|b| b.is_ascii_alphanumeric()) {
            true => Ok(Some(Tag { kind, local, attributes })),
            false => Err(bad),
        }
    }

    /// What stands in a reference: the digest, and its end.
    fn digest(&mut self, name: &str) -> Result<Digest, ManifestError> {
        let bad = ManifestError::Malformed("a reference is not a digest method and a value");
        let method = self.next()?.filter(|tag| tag.local == "DigestMethod");
        let method = method.ok_or(bad.clone())?;
        if method.attribute("Algorithm")? != SHA256 {
            return Err(ManifestError::OtherDigest(name.to_owned()));
        }
        if method.kind == Kind::Open {
            self.close("DigestMethod")?;
        }
        let value = self.next()?.filter(|tag| (tag.kind, tag.local) == (Kind::Open, "DigestValue"));
        value.ok_or(bad.clone())?;
        let (text, _) = self.0.split_once('<').ok_or(bad.clone())?;
        self.0 = &self.0[text.len()..];
        self.close("DigestValue")?;
        self.close("DataObjectReference")?;
        let bytes = BASE64.decode(text.trim()).map_err(|_| bad.clone())?;
        bytes.try_into().map_err(|_| bad)
    }

    fn close(&mut self, name: &str) -> Result<(), ManifestError> {
        match self.next()? {
            Some(tag) if (tag.kind, tag.local) == (Kind::Close, name) => Ok(()),
            _ => Err(ManifestError::Malformed("an element does not end where it must")),
        }
    }
}

impl Tag<'_> {
    /// The name that its URI stands for.
    fn name(&self) -> Result<String, ManifestError> {
        decoded(&self.attribute("URI")?)
    }

    /// An attribute, which must be there once.
    fn attribute(&self, wanted: &str) -> Result<String, ManifestError> {
        let bad = ManifestError::Malformed("an element has not the attributes that it must have");
        let (mut rest, mut found) = (self.attributes.trim(), None);
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=').ok_or(bad.clone())?;
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| ['"', '\''].contains(c));
            let quote = quote.ok_or(bad.clone())?;
            let (value, behind) = behind[1..].split_once(quote).ok_or(bad.clone())?;
            if name.trim() == wanted && found.replace(value).is_some() {
                return Err(bad);
            }
            rest = behind.trim_start();
        }
        unescaped(found.ok_or(bad)?)
    }
}

/// A value without its references to characters: the five that XML has.
fn unescaped(text: &str) -> Result<String, ManifestError> {
    let known = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let hit = known.iter().find(|(name, _)| rest[at..].starts_with(name));
        let (name, plain) = hit.ok_or(ManifestError::Malformed("it has an entity of its own"))?;
        out.push_str(plain);
        rest = &rest[at + name.len()..];
    }
    Ok(out + rest)
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
