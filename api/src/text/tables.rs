//! What the tables of Unicode say of letters, read once from ICU: which letters are one letter to a reader who looks
//! neither at case nor at accents (the first level of the Unicode Collation Algorithm), and how such a letter is written.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::LazyLock,
};

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_collator::{
    CollatorBorrowed,
    options::{CollatorOptions, Strength},
};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData, CodePointSetDataBorrowed,
    props::{Dash, DefaultIgnorableCodePoint, GeneralCategory, UnifiedIdeograph},
};

/// Changes with every rule of ours that [`version`] does not see in the letters: which parts of a name make a key.
const REVISION: u32 = 2;

/// Where letters stand whose case, accents or forms are to be looked up. Everything else folds to itself.
const LETTERS: [RangeInclusive<u32>; 4] = [0x21..=0x1fff, 0x2c00..=0x2dff, 0x3041..=0x318f, 0xa000..=0xabff];

/// The first kana of the rows by which Japanese lists are headed.
const ROWS: [char; 10] = ['あ', 'か', 'さ', 'た', 'な', 'は', 'ま', 'や', 'ら', 'わ'];

/// Consonants that keyboards join while initial consonants are typed one after the other.
const CLUSTERS: [(char, &str); 11] = [
    ('\u{11aa}', "\u{1100}\u{1109}"),
    ('\u{11ac}', "\u{1102}\u{110c}"),
    ('\u{11ad}', "\u{1102}\u{1112}"),
    ('\u{11b0}', "\u{1105}\u{1100}"),
    ('\u{11b1}', "\u{1105}\u{1106}"),
    ('\u{11b2}', "\u{1105}\u{1107}"),
    ('\u{11b3}', "\u{1105}\u{1109}"),
    ('\u{11b4}', "\u{1105}\u{1110}"),
    ('\u{11b5}', "\u{1105}\u{1111}"),
    ('\u{11b6}', "\u{1105}\u{1112}"),
    ('\u{11b9}', "\u{1107}\u{1109}"),
];

/// The tables, made at their first use.
pub static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// A letter as the first level sees it.
struct Letter {
    /// How it is written in a folded text: the plainest of all that are the same letter.
    written: char,
    heading: String,
}

/// What is looked up.
pub struct Tables {
    collator: CollatorBorrowed<'static>,
    normalizer: ComposingNormalizerBorrowed<'static>,
    case: CaseMapperBorrowed<'static>,
    ignorable: CodePointSetDataBorrowed<'static>,
    dash: CodePointSetDataBorrowed<'static>,
    ideograph: CodePointSetDataBorrowed<'static>,
    /// By the first-level key of the letter. No key begins another.
    letters: BTreeMap<Vec<u8>, Letter>,
    /// The parts of Korean syllables as the letters of the alphabet that readers know.
    alphabet: HashMap<char, char>,
    /// What letters of [`LETTERS`] become that do not stay as they are.
    folded: HashMap<char, String>,
    version: String,
}

/// The tables and rules with which keys are made now. Keys of another version are of no use beside those of this one.
#[must_use]
pub fn version() -> &'static str {
    &TABLES.version
}

impl Tables {
    fn new() -> Self {
        let mut tables = Self {
            collator: collator(Strength::Primary),
            normalizer: ComposingNormalizer::new_nfkc(),
            case: CaseMapper::new(),
            ignorable: CodePointSetData::new::<DefaultIgnorableCodePoint>(),
            dash: CodePointSetData::new::<Dash>(),
            ideograph: CodePointSetData::new::<UnifiedIdeograph>(),
            letters: BTreeMap::new(),
            alphabet: HashMap::new(),
            folded: HashMap::new(),
            version: String::new(),
        };
        tables.alphabet = ('\u{3131}'..='\u{318e}')
            .filter_map(|c| Some((tables.normalize(&c.to_string()).chars().next()?, c)))
            .collect();
        let keys: Vec<(char, Vec<u8>)> = tables.looked_up().map(|c| (c, tables.key_of(c))).collect();
        tables.letters = tables.plainest(&keys);
        let folded = keys.iter().filter_map(|(c, key)| Some((*c, tables.write(*c, key)?))).chain(
            // Keyboards join them, and a search for initial consonants means each.
            CLUSTERS.iter().map(|(cluster, letters)| (*cluster, (*letters).to_owned())),
        );
        tables.folded = folded.collect();
        tables.version = tables.fingerprint(&keys);
        tables
    }

    /// Whether a code point is one that is not to be seen.
    pub fn is_ignorable(&self, c: char) -> bool {
        !c.is_ascii() && self.ignorable.contains(c)
    }

    pub fn is_dash(&self, c: char) -> bool {
        self.dash.contains(c)
    }

    pub fn is_ideograph(&self, c: char) -> bool {
        c > '\u{2fff}' && (c == '々' || self.ideograph.contains(c))
    }

    /// Compatibility forms resolved, marks joined with their letters.
    pub fn normalize(&self, text: &str) -> String {
        self.normalizer.normalize(text).into_owned()
    }

    /// Whether a character stays as it is when compatibility forms are resolved.
    pub fn is_normal(&self, c: char) -> bool {
        self.normalizer.is_normalized(c.encode_utf8(&mut [0; 4]))
    }

    /// The key by which texts sort on the first level: letters alone, neither accents nor case.
    pub fn key(&self, text: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(text.len());
        let Ok(()) = self.collator.write_sort_key_to(text, &mut key);
        key
    }

    /// Adds a letter of a normalized text, folded. A letter that the first level does not see adds nothing.
    pub fn fold_into(&self, folded: &mut String, c: char) {
        if let Some(written) = self.folded.get(&c) {
            folded.push_str(written);
        } else if is_looked_up(c) || !self.key_of(c).is_empty() {
            folded.push_str(&self.case.fold_string(c.encode_utf8(&mut [0; 4])));
        }
    }

    /// The heading of a text whose first-level key is given.
    pub fn heading(&self, text: &str, key: &[u8]) -> String {
        let known = (1..=key.len().min(4)).find_map(|length| self.letters.get(&key[..length]));
        if let Some(letter) = known {
            return letter.heading.clone();
        }
        let first = self.normalize(text).chars().find(|c| !self.key_of(*c).is_empty());
        first.map_or_else(|| "#".to_owned(), |c| self.letter_heading(c))
    }

    fn key_of(&self, c: char) -> Vec<u8> {
        self.key(c.encode_utf8(&mut [0; 4]))
    }

    /// The assigned code points of [`LETTERS`], and the digits of every script, that a normalized text may contain.
    fn looked_up(&self) -> impl Iterator<Item = char> + '_ {
        let category = CodePointMapData::<GeneralCategory>::new();
        let digits = category.iter_ranges_for_value(GeneralCategory::DecimalNumber).flatten();
        let digits = digits.filter(|point| !LETTERS.iter().any(|range| range.contains(point)));
        let points = LETTERS.into_iter().flatten().chain(digits).filter_map(char::from_u32);
        points.filter(move |c| {
            category.get(*c) != GeneralCategory::Unassigned && self.is_normal(*c) && !self.is_ignorable(*c)
        })
    }

    /// Of all that is one letter, how it is written: what folding the case leaves alone before the rest, then what ICU
    /// sorts first. Two letters written as one, such as æ, are none.
    fn plainest(&self, keys: &[(char, Vec<u8>)]) -> BTreeMap<Vec<u8>, Letter> {
        let third = collator(Strength::Tertiary);
        let mut plainest: BTreeMap<&[u8], (bool, Vec<u8>, char)> = BTreeMap::new();
        for (c, key) in keys.iter().filter(|(_, key)| !key.is_empty()) {
            let text = c.to_string();
            let mut order = Vec::new();
            let Ok(()) = third.write_sort_key_to(&text, &mut order);
            let candidate = (self.case.fold_string(&text) != text, order, *c);
            let kept = plainest.entry(key).or_insert_with(|| candidate.clone());
            if candidate < *kept {
                *kept = candidate;
            }
        }
        let is_one = |key: &[u8]| !(1..key.len()).any(|length| plainest.contains_key(&key[..length]));
        let letters = plainest.iter().filter(|(key, _)| is_one(key));
        letters
            .map(|(key, (_, _, written))| {
                (key.to_vec(), Letter { written: *written, heading: self.letter_heading(*written) })
            })
            .collect()
    }

    /// What a letter is written as; none when it stays.
    fn write(&self, c: char, key: &[u8]) -> Option<String> {
        // Voiced and small kana are other letters to who searches. Folded elsewhere.
        if is_kana(c) {
            return None;
        }
        let is_right = |written: &String| written.chars().nth(1).is_none() || self.key(written) == key;
        let written = self.split(key).filter(is_right);
        let written = written.unwrap_or_else(|| self.case.fold_string(&c.to_string()).into_owned());
        (written != c.to_string()).then_some(written)
    }

    /// The letters of a key. Where letters of one script follow one another, ICU may write their common first byte once.
    fn split(&self, key: &[u8]) -> Option<String> {
        let begins = |rest: &[u8]| {
            (1..=rest.len().min(4)).find_map(|length| Some((self.letters.get(&rest[..length])?.written, length)))
        };
        if key.is_empty() {
            return Some(String::new());
        }
        let (first, length) = begins(key)?;
        let mut written = String::from(first);
        let mut rest = &key[length..];
        while !rest.is_empty() {
            let joined = (length > 1).then(|| begins(&[&key[..1], rest].concat())).flatten();
            let (letter, length) = match joined {
                Some((letter, length)) if length > 1 => (letter, length - 1),
                _ => begins(rest)?,
            };
            written.push(letter);
            rest = &rest[length..];
        }
        Some(written)
    }

    /// Upper case as at the beginning of a sentence: Georgian has none there.
    fn letter_heading(&self, c: char) -> String {
        match c {
            c if is_kana(c) && c.is_alphabetic() => {
                let key = self.key_of(c);
                let row = ROWS.iter().rev().find(|row| self.key_of(**row) <= key);
                row.map_or_else(|| c.to_string(), char::to_string)
            }
            '\u{1100}'..='\u{11ff}' => self.alphabet.get(&c).unwrap_or(&c).to_string(),
            c if c.is_alphabetic() => self.case.simple_titlecase(c).to_string(),
            _ => "#".to_owned(),
        }
    }

    /// The rules' revision and a hash (FNV-1a) of what is looked up, so that new tables are noticed by themselves.
    fn fingerprint(&self, keys: &[(char, Vec<u8>)]) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&[0]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (c, key) in keys {
            add(c.to_string().as_bytes());
            add(key);
            add(self.folded.get(c).map(String::as_bytes).unwrap_or_default());
        }
        for (key, letter) in &self.letters {
            add(key);
            add(letter.heading.as_bytes());
        }
        format!("{REVISION}-{hash:016x}")
    }
}

/// Whether a character is one of the two kana, or one of their marks.
pub const fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}')
}

fn is_looked_up(c: char) -> bool {
    LETTERS.iter().any(|range| range.contains(&u32::from(c)))
}

/// The root order of the Unicode Collation Algorithm, whatever the language.
fn collator(strength: Strength) -> CollatorBorrowed<'static> {
    let mut options = CollatorOptions::default();
    options.strength = Some(strength);
    let made = CollatorBorrowed::try_new(icu_collator::CollatorPreferences::default(), options);
    made.unwrap_or_else(|_| unreachable!("the root order is compiled in"))
}
