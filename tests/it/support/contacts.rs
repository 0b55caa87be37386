//! Five hundred generated personal contacts, the same in every run. Together they use every field of a contact.

use serde_json::{Value, json};

use super::random::Chance;

/// Words of many scripts, some of them with special characters of vCards.
const WORDS: [&str; 24] = [
    "김철수",
    "박",
    "서울특별시",
    "やまだ",
    "太郎",
    "カタカナ",
    "Zoë",
    "O'Brien",
    "\"quoted\"",
    "a,b",
    "c;d",
    "e\\f",
    "\\n",
    "😀👩‍👩‍👧",
    "x:y=z",
    "^n",
    "Straße",
    "بسم",
    "END:VCARD",
    "=0D=0A",
    "%41",
    "<b>",
    "&amp;",
    "#1",
];
const LABELS: [&str; 10] =
    ["work", "home", "mobile", "fax", "work fax", "other", "text", "car", "Zweit;TYPE=x", "내선, \"1\""];

/// Returns the contacts as inputs of `savePersonalContact`.
pub fn contacts() -> Vec<Value> {
    let mut chance = Chance::seeded(20_261_121);
    (0..500).map(|number| contact(&mut chance, number)).collect()
}

fn words(chance: &mut Chance, most: usize, between: &str) -> String {
    (0..=chance.below(most)).map(|_| *chance.pick(&WORDS)).collect::<Vec<_>>().join(between)
}

fn maybe(chance: &mut Chance, make: impl FnOnce(&mut Chance) -> String) -> Value {
    if chance.below(3) > 0 { make(chance).into() } else { Value::Null }
}

fn label(chance: &mut Chance) -> Value {
    maybe(chance, |chance| (*chance.pick(&LABELS)).to_owned())
}

fn some(chance: &mut Chance, most: usize, mut make: impl FnMut(&mut Chance, usize) -> Value) -> Value {
    (0..chance.below(most + 1)).map(|at| make(chance, at)).collect()
}

fn number(chance: &mut Chance) -> String {
    let digits = 1_000_000 + chance.below(8_999_999);
    match chance.below(5) {
        0 => format!("+82-10-{digits}"),
        1 => format!("+82 10 {digits}"),
        2 => format!("02) {digits}, ask; for \\ me"),
        3 => format!("+1(555){digits}"),
        _ => digits.to_string(),
    }
}

fn contact(chance: &mut Chance, at: usize) -> Value {
    let part = |chance: &mut Chance| maybe(chance, |chance| words(chance, 2, " "));
    let split = !at.is_multiple_of(5);
    let name = |chance: &mut Chance, between| if split { words(chance, 2, between).into() } else { Value::Null };
    let more = |chance: &mut Chance| if split { part(chance) } else { Value::Null };
    json!({
        "displayName": format!("{} {at}", words(chance, 4, " ")),
        "familyName": name(chance, "  "),
        "givenName": name(chance, "; "),
        "additionalName": more(chance),
        "namePrefix": more(chance),
        "nameSuffix": more(chance),
        "title": part(chance),
        "organization": part(chance),
        "note": maybe(chance, |chance| format!("{}\n{}", words(chance, 4, " "), words(chance, 40, "\n"))),
        "emails": some(chance, 3, |chance, each| json!({
            "address": format!("P{at}.{each}@example.com"), "label": label(chance), "preferred": each == 1,
        })),
        "phones": some(chance, 4, |chance, each| json!({
            "number": number(chance), "label": label(chance), "preferred": each == 0,
            "extension": maybe(chance, |chance| chance.below(9_999).to_string()),
        })),
        "addresses": some(chance, 2, |chance, each| json!({
            "label": label(chance), "city": format!("{} {each}", words(chance, 2, " ")), "region": part(chance),
            "street": maybe(chance, |chance| format!("{}\n{}", words(chance, 4, " "), words(chance, 3, "\n"))),
            "postalCode": maybe(chance, |chance| chance.below(99_999).to_string()), "country": part(chance),
            "preferred": each == 1,
        })),
        "urls": some(chance, 2, |chance, each| json!({
            "address": format!("https://example.com/{at}/{each}?q={},;#{}", chance.below(99), chance.below(99)),
            "label": label(chance),
        })),
    })
}
