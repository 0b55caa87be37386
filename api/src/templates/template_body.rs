//! The text of a template and its placeholders: `{{name}}`, or `{{name|fallback}}` with a text for a missing value.
//! There is no logic. Values have no braces, so that no placeholder can come about by filling one in.

use std::collections::BTreeSet;

/// The longest name of a placeholder, in characters.
const LONGEST_NAME: usize = 40;
/// The longest fallback, in characters.
const LONGEST_FALLBACK: usize = 200;

/// A part of a template's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text that stays as it is.
    Fixed(String),
    /// A place for a value.
    Placeholder {
        /// The name of the value.
        name: String,
        /// The text in place of a missing value.
        fallback: Option<String>,
    },
}

/// The reason why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A placeholder does not end, or does not begin.
    Unbalanced,
    /// The text between two braces is no name.
    NoName(String),
    /// A brace stands beside a placeholder.
    BraceBeside,
}

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateBody(Vec<Part>);

/// A text whose placeholders were filled in as far as values are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledBody {
    /// The text. Open placeholders stand in it as they are written.
    pub text: String,
    /// The names of the values that are missing, each once and in the order of the text.
    pub open: Vec<String>,
}

impl TemplateBody {
    /// Parses a text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let (fixed, opened) = rest.split_at(start);
            if fixed.contains("}}") {
                return Err(Malformed::Unbalanced);
            }
            let inner = &opened[2..];
            let end = inner.find("}}").ok_or(Malformed::Unbalanced)?;
            parts.push(Part::Fixed(fixed.to_owned()));
            parts.push(placeholder(&inner[..end])?);
            rest = &inner[end + 2..];
            if rest.starts_with('}') || fixed.ends_with('{') {
                return Err(Malformed::BraceBeside);
            }
        }
        if rest.contains("}}") {
            return Err(Malformed::Unbalanced);
        }
        parts.push(Part::Fixed(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Fixed(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// Returns the names of all placeholders.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.0
            .iter()
            .filter_map(|part| if let Part::Placeholder { name, .. } = part { Some(name.as_str()) } else { None })
            .collect()
    }

    /// Fills in the known values. Braces of a value are left out. A value that is empty or missing gives way to the
    /// fallback of its place. An empty value without a fallback is not open.
    #[must_use]
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> FilledBody {
        let (mut text, mut open) = (String::new(), Vec::new());
        for part in &self.0 {
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Placeholder { name, fallback } => match given(value(name), fallback.as_ref()) {
                    Some(value) => text.extend(value.chars().filter(|c| !matches!(c, '{' | '}'))),
                    None => {
                        text.push_str(&format!("{{{{{name}}}}}"));
                        if !open.contains(name) {
                            open.push(name.clone());
                        }
                    }
                },
            }
        }
        FilledBody { text, open }
    }
}

/// Returns what takes the place of a value: the value itself, else the fallback, else an empty value.
fn given(value: Option<String>, fallback: Option<&String>) -> Option<String> {
    value.clone().filter(|value| !value.is_empty()).or_else(|| fallback.cloned()).or(value)
}

/// Returns true when a text has a placeholder that is not filled in.
#[must_use]
pub fn has_placeholder(text: &str) -> bool {
    text.match_indices("{{").any(|(at, _)| {
        let inner = &text[at + 2..];
        inner.find("}}").is_some_and(|end| placeholder(&inner[..end]).is_ok())
    })
}

fn placeholder(inner: &str) -> Result<Part, Malformed> {
    let (name, fallback) = inner.split_once('|').map_or((inner, None), |(name, rest)| (name, Some(rest.trim())));
    let name = name.trim();
    let no_name = || Malformed::NoName(inner.chars().take(LONGEST_NAME).collect());
    if !is_name(name)
        || fallback.is_some_and(|text| text.contains(['{', '}', '\n']) || text.chars().count() > LONGEST_FALLBACK)
    {
        return Err(no_name());
    }
    Ok(Part::Placeholder { name: name.to_owned(), fallback: fallback.map(str::to_owned) })
}

/// Returns true for a name: letters of ASCII, digits and `_`, after a letter, in at most two parts with a full stop.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.len() <= LONGEST_NAME && name.split('.').count() <= 2 && name.split('.').all(word)
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::{Malformed, TemplateBody, has_placeholder};

    #[test]
    fn values_and_fallbacks_take_the_places_of_their_names() {
        let body = TemplateBody::parse("Hello {{customer.name|there}}, order {{ order }} of {{date}}. {One} }")
            .expect("a body");
        let value = |name: &str| (name == "order").then(|| "4711".to_owned());
        let filled = body.fill(value);
        assert_eq!(filled.text, "Hello there, order 4711 of {{date}}. {One} }");
        assert_eq!(filled.open, ["date"]);
        let empty = TemplateBody::parse("[{{a|none}}] [{{b}}]").expect("a body").fill(|_| Some(String::new()));
        assert_eq!((empty.text.as_str(), empty.open.len()), ("[none] []", 0));
        assert_eq!(body.names().into_iter().collect::<Vec<_>>(), ["customer.name", "date", "order"]);
    }

    #[test]
    fn what_is_no_template_is_told() {
        for (text, why) in [
            ("{{a", Malformed::Unbalanced),
            ("a}}", Malformed::Unbalanced),
            ("}} {{a}}", Malformed::Unbalanced),
            ("{{a}} }}", Malformed::Unbalanced),
            ("{{{a}}", Malformed::NoName("{a".to_owned())),
            ("{{a}}}", Malformed::BraceBeside),
            ("{{}}", Malformed::NoName(String::new())),
            ("{{1a}}", Malformed::NoName("1a".to_owned())),
            ("{{a b}}", Malformed::NoName("a b".to_owned())),
            ("{{a.b.c}}", Malformed::NoName("a.b.c".to_owned())),
            ("{{a|{b}}", Malformed::NoName("a|{b".to_owned())),
            ("{{ {{a}} }}", Malformed::NoName(" {{a".to_owned())),
        ] {
            assert_eq!(TemplateBody::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn no_value_opens_a_placeholder_and_the_fixed_text_stays_byte_for_byte() {
        const PIECES: [&str; 9] = ["{", "}", "{{", "}}", "a", "{{a}}", "|", " 한국 ", "\n"];
        let mut chance = StdRng::seed_from_u64(17);
        let mut piece =
            |count: usize| (0..count).map(|_| PIECES[chance.random_range(0..PIECES.len())]).collect::<String>();
        let mut parsed = 0;
        for round in 0..20_000 {
            let (before, between, after) = (piece(round % 4), piece(round % 3), piece(round % 4));
            let Ok(body) = TemplateBody::parse(&format!("{before}{{{{x}}}}{between}{{{{y}}}}{after}")) else {
                continue;
            };
            parsed += 1;
            let values = [piece(3), piece(3), piece(2)];
            let value = |name: &str| match name {
                "x" => Some(values[0].clone()),
                "y" => Some(values[1].clone()),
                _ => Some(values[2].clone()),
            };
            let filled = body.fill(value);
            assert!(filled.open.is_empty() && !has_placeholder(&filled.text), "{body:?} {values:?}");
            let plain = |text: &str| text.replace("{{a}}", &values[2].replace(['{', '}'], ""));
            assert!(filled.text.starts_with(&plain(&before)) && filled.text.ends_with(&plain(&after)), "{body:?}");
        }
        assert!(parsed > 1_000, "{parsed}");
    }
}
