//! The languages in which Rapport writes sentences. A language tag is matched by its language alone.

/// A language of Rapport's sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// The language of every reader whose language Rapport does not write.
    #[default]
    English,
    /// German, with formal address.
    German,
    /// Korean.
    Korean,
    /// Japanese.
    Japanese,
}

impl Locale {
    /// All languages.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::Korean, Self::Japanese];

    /// Returns the language tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Korean => "ko",
            Self::Japanese => "ja",
        }
    }

    /// Returns the language of a BCP 47 tag, such as `de-AT`. None for another language.
    #[must_use]
    pub fn find(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(language))
    }

    /// Returns the language of a tag, and English for another language and without a tag.
    #[must_use]
    pub fn of(tag: Option<&str>) -> Self {
        tag.and_then(Self::find).unwrap_or_default()
    }

    /// Returns the language that an `Accept-Language` header prefers. None if it names none of them.
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok());
            let (Some(locale), Some(weight)) = (Self::find(tag), weight) else { continue };
            // The first of several equal ones counts.
            if weight > best.map_or(0.0, |(weight, _)| weight) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::Locale;

    #[test]
    fn a_tag_is_matched_by_its_language() {
        for (tag, locale) in [
            ("en", Locale::English),
            ("de-AT", Locale::German),
            ("KO_kr", Locale::Korean),
            (" ja-Jpan-JP", Locale::Japanese),
            ("den", Locale::English),
            ("fr", Locale::English),
            ("", Locale::English),
        ] {
            assert_eq!(Locale::of(Some(tag)), locale, "{tag}");
        }
        assert_eq!((Locale::of(None), Locale::find("fr")), (Locale::English, None));
    }

    #[test]
    fn a_header_is_matched_by_its_weights() {
        for (header, locale) in [
            ("de", Some(Locale::German)),
            ("fr, ko;q=0.8, de;q=0.9", Some(Locale::German)),
            ("ja-JP,en;q=0.9", Some(Locale::Japanese)),
            ("de;q=0, ko ; q=0.1", Some(Locale::Korean)),
            ("en, de", Some(Locale::English)),
            ("de;q=x, ko;q=NaN, ja;q=0.2", Some(Locale::Japanese)),
            ("*", None),
            ("fr, it;q=0.5", None),
            ("", None),
        ] {
            assert_eq!(Locale::accepted(header), locale, "{header}");
        }
    }
}
