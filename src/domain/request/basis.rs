//! The legal bases that a request may rest on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An instrument on which assistance is asked, by its code.
///
/// Which instrument binds the two States decides which rules apply: UNTOC 18(7) puts its
/// paragraphs 9 to 29 behind any other treaty on mutual legal assistance that binds them. A
/// request therefore lists its bases in order, the governing one first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Instrument {
    /// `BILATERAL:<name>`: a treaty between the two States, by the name that they call it.
    Bilateral(TreatyName),
    /// `ASEAN-MLAT`: Treaty on Mutual Legal Assistance in Criminal Matters.
    AseanMlat,
    /// `SAARC-MLA`: Convention on Mutual Assistance in Criminal Matters.
    SaarcMla,
    /// `SAARC-TIP`: Convention on Preventing and Combating Trafficking in Women and Children for
    /// Prostitution.
    SaarcTip,
    /// `UNTOC`: Convention against Transnational Organized Crime.
    Untoc,
    /// `UNTOC-TIP-PROTOCOL`: its Trafficking Protocol.
    TraffickingProtocol,
    /// `UNTOC-SOM-PROTOCOL`: its Smuggling Protocol.
    SmugglingProtocol,
    /// `UNCAC`: Convention against Corruption.
    Uncac,
    /// `RECIPROCITY`: no treaty, an undertaking to do likewise.
    Reciprocity,
}

/// The name of a bilateral treaty: one line, 1 to 120 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreatyName(String);

/// Why a text is not the code of an [`Instrument`]. It does not repeat the text, which stands in
/// a body (I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the code of a legal basis: UNTOC, UNTOC-TIP-PROTOCOL, UNTOC-SOM-PROTOCOL, UNCAC, \
     ASEAN-MLAT, SAARC-MLA, SAARC-TIP, RECIPROCITY, or BILATERAL:<name of the treaty> with a name \
     of {TREATY_NAME_MAX_CHARS} characters at most"
)]
pub struct UnknownInstrument;

/// The same with the code itself, for who wrote the file that it stands in.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is {UnknownInstrument}")]
pub struct UnknownCode(String);

/// Characters of an unknown code that are shown: more than any code has.
const SHOWN_MAX_CHARS: usize = 40;

const BILATERAL: &str = "BILATERAL:";

impl Instrument {
    /// Every instrument that has a fixed code.
    pub const FIXED: [Self; 8] = [
        Self::AseanMlat,
        Self::SaarcMla,
        Self::SaarcTip,
        Self::Untoc,
        Self::TraffickingProtocol,
        Self::SmugglingProtocol,
        Self::Uncac,
        Self::Reciprocity,
    ];

    /// Parses a code.
    ///
    /// # Errors
    /// [`UnknownInstrument`], which lists the codes.
    pub fn parse(code: &str) -> Result<Self, UnknownInstrument> {
        if let Some(name) = code.strip_prefix(BILATERAL) {
            return TreatyName::parse(name).map(Self::Bilateral);
        }
        Self::FIXED.into_iter().find(|one| one.fixed_code() == code).ok_or(UnknownInstrument)
    }

    /// What comes before what in a list of bases: a treaty between the two, a regional treaty, a
    /// worldwide convention, reciprocity. The smaller number governs: UNTOC 18(6)-(7).
    pub fn rank(&self) -> u8 {
        match self {
            Self::Bilateral(_) => 0,
            Self::AseanMlat | Self::SaarcMla | Self::SaarcTip => 1,
            Self::Untoc | Self::TraffickingProtocol | Self::SmugglingProtocol | Self::Uncac => 2,
            Self::Reciprocity => 3,
        }
    }

    /// Whether it is UNTOC or one of its protocols, which UNTOC's Article 18 serves as well
    /// (Trafficking Protocol 1(2), Smuggling Protocol 1(2)).
    pub fn is_untoc(&self) -> bool {
        matches!(self, Self::Untoc | Self::TraffickingProtocol | Self::SmugglingProtocol)
    }

    /// The code, or what precedes the name of a bilateral treaty.
    fn fixed_code(&self) -> &'static str {
        match self {
            Self::Bilateral(_) => BILATERAL,
            Self::AseanMlat => "ASEAN-MLAT",
            Self::SaarcMla => "SAARC-MLA",
            Self::SaarcTip => "SAARC-TIP",
            Self::Untoc => "UNTOC",
            Self::TraffickingProtocol => "UNTOC-TIP-PROTOCOL",
            Self::SmugglingProtocol => "UNTOC-SOM-PROTOCOL",
            Self::Uncac => "UNCAC",
            Self::Reciprocity => "RECIPROCITY",
        }
    }
}

impl TreatyName {
    /// Parses and checks a name.
    ///
    /// # Errors
    /// [`UnknownInstrument`] when it is empty, too long, or not one plain line.
    pub fn parse(name: &str) -> Result<Self, UnknownInstrument> {
        let length_ok = (1..=TREATY_NAME_MAX_CHARS).contains(&name.chars().count());
        // One treaty has one code: blanks at the ends would make a second.
        let plain = name.trim() == name && !name.chars().any(char::is_control);
        if length_ok && plain { Ok(Self(name.to_owned())) } else { Err(UnknownInstrument) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fixed_code())?;
        match self {
            Self::Bilateral(name) => f.write_str(name.as_str()),
            _ => Ok(()),
        }
    }
}

/// Without the code (I6).
impl fmt::Debug for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnknownCode(..)")
    }
}

/// Without the name of a treaty, which would tell of the other State (I6).
impl fmt::Debug for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fixed_code())
    }
}

impl fmt::Debug for TreatyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TreatyName(..)")
    }
}

impl FromStr for Instrument {
    type Err = UnknownInstrument;
    fn from_str(code: &str) -> Result<Self, UnknownInstrument> {
        Self::parse(code)
    }
}

impl TryFrom<String> for Instrument {
    type Error = UnknownCode;
    fn try_from(code: String) -> Result<Self, UnknownCode> {
        Self::parse(&code).map_err(|_| UnknownCode(code.chars().take(SHOWN_MAX_CHARS).collect()))
    }
}

impl From<Instrument> for String {
    fn from(instrument: Instrument) -> String {
        instrument.to_string()
    }
}

/// Characters in the name of a bilateral treaty: the long official names have about a hundred.
const TREATY_NAME_MAX_CHARS: usize = 120;
