//! Which language a person is spoken to in.

use clap::ValueEnum;

/// A language that messages are written in. What is exchanged, logged or written as JSON is the
/// same in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageLanguage {
    /// English.
    #[default]
    En,
    /// Bahasa Indonesia.
    Id,
    /// ภาษาไทย.
    Th,
}

/// Where a language is looked for, the strongest first (POSIX.1-2017, XBD 8.2).
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl MessageLanguage {
    /// What the surroundings ask for, English where they ask for none that there is.
    pub fn of_surroundings(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set =
            VARIABLES.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        set.map_or(Self::En, |locale| Self::of_locale(&locale))
    }

    /// What `--messages-in` asks for, read before the command line as a whole is.
    pub fn of_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        const OPTION: &str = "--messages-in";
        while let Some(argument) = arguments.next() {
            if argument == OPTION {
                return Self::of_tag(&arguments.next()?);
            }
            if let Some(tag) = argument.strip_prefix(OPTION).and_then(|tag| tag.strip_prefix('=')) {
                return Self::of_tag(tag);
            }
        }
        None
    }

    /// The language that the option calls so.
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::from_str(tag, true).ok()
    }

    /// Of a locale such as `th_TH.UTF-8`.
    fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        match language.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "th" => Self::Th,
            _ => Self::En,
        }
    }

    /// Its messages as PO (GNU gettext), with the English text as the key; `None` for English.
    pub(super) fn messages(self) -> Option<&'static str> {
        match self {
            Self::En => None,
            Self::Id => Some(include_str!("id.po")),
            Self::Th => Some(include_str!("th.po")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surroundings_choose() {
        use MessageLanguage::*;
        for (set, language) in [
            (&[][..], En),
            (&[("LANG", "th_TH.UTF-8")], Th),
            (&[("LANG", "id")], Id),
            (&[("LANG", "th_TH.UTF-8"), ("LC_MESSAGES", "id_ID@x")], Id),
            (&[("LANG", "th_TH.UTF-8"), ("LC_ALL", "C")], En),
            (&[("LANG", "th_TH.UTF-8"), ("LC_ALL", "")], Th),
            (&[("LANG", "thx")], En),
        ] {
            let variable = |name: &str| {
                set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(MessageLanguage::of_surroundings(variable), language, "{set:?}");
        }
    }
}
