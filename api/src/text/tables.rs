//! Tables of letters, read once from ICU. They say which letters are equal without case and accents, on the first
//! level of the Unicode Collation Algorithm, and how such a letter is written.

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

/// The revision of the rules that [`version`] does not see in the letters, such as the parts of a name in a key.
/// Every change of such a rule increases it.
const REVISION: u32 = 2;

/// The ranges of letters whose case, accents or forms are looked up. Every other letter folds to itself.
const LETTERS: [RangeInclusive<u32>; 4] = [0x21..=0x1fff, 0x2c00..=0x2dff, 0x3041..=0x318f, 0xa000..=0xabff];

/// The first kana of each row. Japanese lists use them as headings.
const ROWS: [char; 10] = ['あ', 'か', 'さ', 'た', 'な', 'は', 'ま', 'や', 'ら', 'わ'];

/// Consonants that keyboards join when initial consonants are typed one after the other.
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

/// The tables, built at their first use.
pub static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// A letter on the first level.
struct Letter {
    /// The plainest of all equal letters, which folded texts use.
    written: char,
    heading: String,
}

/// The tables of letters and the ICU data they come from.
pub struct Tables {
    collator: CollatorBorrowed<'static>,
    normalizer: ComposingNormalizerBorrowed<'static>,
    case: CaseMapperBorrowed<'static>,
    ignorable: CodePointSetDataBorrowed<'static>,
    dash: CodePointSetDataBorrowed<'static>,
    ideograph: CodePointSetDataBorrowed<'static>,
    /// The letters by their first-level key. No key is a prefix of another.
    letters: BTreeMap<Vec<u8>, Letter>,
    /// The parts of Korean syllables as letters of the alphabet that readers know.
    alphabet: HashMap<char, char>,
    /// The folded form of the letters in [`LETTERS`] that change.
    folded: HashMap<char, String>,
    version: String,
}

/// Returns the version of the tables and rules. Keys of different versions cannot be compared.
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
            // Keyboards join these consonants, and a search for initial consonants means each of them.
            CLUSTERS.iter().map(|(cluster, letters)| (*cluster, (*letters).to_owned())),
        );
        tables.folded = folded.collect();
        tables.version = tables.fingerprint(&keys);
        tables
    }

    /// Returns true for an invisible code point.
    pub fn is_ignorable(&self, c: char) -> bool {
        !c.is_ascii() && self.ignorable.contains(c)
    }

    /// Returns true for a dash of any kind.
    pub fn is_dash(&self, c: char) -> bool {
        self.dash.contains(c)
    }

    /// Returns true for a Han character or the iteration mark 々.
    pub fn is_ideograph(&self, c: char) -> bool {
        c > '\u{2fff}' && (c == '々' || self.ideograph.contains(c))
    }

    /// Resolves compatibility forms and composes marks with their letters.
    pub fn normalize(&self, text: &str) -> String {
        self.normalizer.normalize(text).into_owned()
    }

    /// Returns true when resolving compatibility forms does not change the character.
    pub fn is_normal(&self, c: char) -> bool {
        self.normalizer.is_normalized(c.encode_utf8(&mut [0; 4]))
    }

    /// Returns the sort key of the first level: only letters count, neither accents nor case.
    pub fn key(&self, text: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(text.len());
        let Ok(()) = self.collator.write_sort_key_to(text, &mut key);
        key
    }

    /// Adds the folded form of a letter of a normalized text. A letter that the first level ignores adds nothing.
    pub fn fold_into(&self, folded: &mut String, c: char) {
        if let Some(written) = self.folded.get(&c) {
            folded.push_str(written);
        } else if is_looked_up(c) || !self.key_of(c).is_empty() {
            folded.push_str(&self.case.fold_string(c.encode_utf8(&mut [0; 4])));
        }
    }

    /// Returns the heading of a text. `key` is its first-level key.
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

    /// Returns the assigned code points of [`LETTERS`], and the digits of every script, that a normalized text may
    /// contain.
    fn looked_up(&self) -> impl Iterator<Item = char> + '_ {
        let category = CodePointMapData::<GeneralCategory>::new();
        let digits = category.iter_ranges_for_value(GeneralCategory::DecimalNumber).flatten();
        let digits = digits.filter(|point| !LETTERS.iter().any(|range| range.contains(point)));
        let points = LETTERS.into_iter().flatten().chain(digits).filter_map(char::from_u32);
        points.filter(move |c| {
            category.get(*c) != GeneralCategory::Unassigned && self.is_normal(*c) && !self.is_ignorable(*c)
        })
    }

    /// Chooses the written form of each group of equal letters. Letters that case folding does not change come first,
    /// then the first in ICU's order. Two letters written as one, such as æ, are not a letter here.
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

    /// Returns the written form of a letter, or none when it stays.
    fn write(&self, c: char, key: &[u8]) -> Option<String> {
        // A search distinguishes voiced and small kana. [`super::fold`] folds kana.
        if is_kana(c) {
            return None;
        }
        let is_right = |written: &String| written.chars().nth(1).is_none() || self.key(written) == key;
        let written = self.split(key).filter(is_right);
        let written = written.unwrap_or_else(|| self.case.fold_string(&c.to_string()).into_owned());
        (written != c.to_string()).then_some(written)
    }

    /// Splits a key into its letters. Where letters of one script follow one another, ICU may write their common
    /// first byte once.
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

    /// Returns the letter in title case, because Georgian has no capital letter at the beginning of a sentence.
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

    /// Returns the revision and a hash (FNV-1a) of the looked-up letters, so that new tables change the version
    /// automatically.
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

/// Returns true for hiragana, katakana and their marks.
pub const fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}')
}

fn is_looked_up(c: char) -> bool {
    LETTERS.iter().any(|range| range.contains(&u32::from(c)))
}

/// Creates a collator with the root order of the Unicode Collation Algorithm, for all languages.
fn collator(strength: Strength) -> CollatorBorrowed<'static> {
    let mut options = CollatorOptions::default();
    options.strength = Some(strength);
    let made = CollatorBorrowed::try_new(icu_collator::CollatorPreferences::default(), options);
    made.unwrap_or_else(|_| unreachable!("the root order is compiled in"))
}
