//! Labels of addresses and numbers. A label that a version has types for is written as types and read back unchanged.
//! The writer puts any other label into a property of its own.

use super::version::Version;

/// The properties that have labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelSubject {
    /// `EMAIL`
    Email,
    /// `TEL`
    Phone,
    /// `ADR`
    Address,
    /// `IMPP`
    Messenger,
    /// `URL`
    Url,
}

/// The labels of places.
const PLACES: [&str; 2] = ["work", "home"];

/// The kinds of telephone line: the label, the type, and flags for its support in 3.0 and in 4.0.
const LINES: [(&str, &str, bool, bool); 8] = [
    ("mobile", "cell", true, true),
    ("fax", "fax", true, true),
    ("pager", "pager", true, true),
    ("video", "video", true, true),
    ("text", "text", false, true),
    ("textphone", "textphone", false, true),
    ("car", "car", true, false),
    ("modem", "modem", true, false),
];

/// Types without information about the use, such as mail transports, voice, and the names of Apple devices.
const SILENT: [&str; 16] = [
    "pref", "voice", "internet", "x400", "msg", "dom", "intl", "postal", "parcel", "iphone", "pcs", "bbs", "isdn",
    "phone", "uri", "smtp",
];

/// Returns the types with the meaning of a label, or none when there are no such types.
#[must_use]
pub fn types(label: &str, of: LabelSubject, version: Version) -> Option<Vec<&'static str>> {
    // A URL has no parameters in 3.0.
    if of == LabelSubject::Url && version == Version::V3 {
        return None;
    }
    let place = |word: &str| PLACES.into_iter().find(|place| *place == word);
    let line = |word: &str| {
        let known = |(name, _, three, four): &(&str, &str, bool, bool)| {
            *name == word && of == LabelSubject::Phone && if version == Version::V3 { *three } else { *four }
        };
        LINES.into_iter().find(known).map(|(_, kind, ..)| kind)
    };
    match label.split_once(' ') {
        None => place(label).or_else(|| line(label)).map(|word| vec![word]),
        Some((first, second)) => Some(vec![place(first)?, line(second)?]),
    }
}

/// Returns the label for types: `WORK` and `CELL` become `work mobile`. The text of a nonstandard type becomes the
/// label if no other type has a meaning.
#[must_use]
pub fn label<'a>(types: impl Iterator<Item = &'a str>) -> Option<String> {
    let (mut place, mut line, mut other) = (None, None, None);
    for name in types {
        let name = name.trim().to_ascii_lowercase();
        let words = name.strip_prefix("x-").unwrap_or(&name).replace(['-', '_'], " ");
        for word in words.split_whitespace() {
            let word = match word {
                "business" => "work",
                "personal" => "home",
                "cell" | "cellular" => "mobile",
                word => word,
            };
            if let Some(known) = PLACES.into_iter().find(|place| *place == word) {
                place = place.or(Some(known));
            } else if let Some((known, ..)) = LINES.into_iter().find(|(line, ..)| *line == word) {
                line = line.or(Some(known));
            } else if !SILENT.contains(&word) && other.is_none() {
                other = Some(words.trim().to_owned());
            }
        }
    }
    match (place, line) {
        (None, None) => other,
        (place, line) => Some([place, line].into_iter().flatten().collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelSubject, label, types};
    use crate::vcard::version::Version;

    #[test]
    fn types_stand_for_the_label_they_were_made_of() {
        for version in [Version::V3, Version::V4] {
            for text in ["work", "home", "mobile", "fax", "pager", "work fax", "home mobile"] {
                let types = types(text, LabelSubject::Phone, version).expect(text);
                assert_eq!(label(types.into_iter()).as_deref(), Some(text));
            }
            for text in ["other", "Work", "fax work", "work  fax", "mobile;X=1", "", " ", "work fax fax"] {
                assert_eq!(types(text, LabelSubject::Phone, version), None, "{text}");
            }
        }
        assert_eq!(types("fax", LabelSubject::Email, Version::V4), None);
        assert_eq!(types("work", LabelSubject::Url, Version::V3), None);
    }

    #[test]
    fn the_words_of_other_programs_are_understood() {
        for (types, expected) in [
            (&["BUSINESS-FAX"][..], Some("work fax")),
            (&["MOBILE-PHONE"], Some("mobile")),
            (&["internet", "pref"], None),
            (&["VOICE"], None),
            (&["IPHONE", "CELL", "voice"], Some("mobile")),
            (&["x-assistant"], Some("assistant")),
            (&["TOLL-FREE", "VOICE"], Some("toll free")),
        ] {
            assert_eq!(label(types.iter().copied()).as_deref(), expected, "{types:?}");
        }
    }
}
