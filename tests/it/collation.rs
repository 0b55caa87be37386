//! Tests of the sort and search keys of names against the Unicode Collation Algorithm. The pairs are in
//! `tests/interop/collation.tsv`. The interoperability suite checks the same pairs with ICU.

use std::{collections::BTreeSet, fs};

use api::text;

use crate::support::Expected as _;

const PAIRS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/collation.tsv");

/// Decodes a text of the file, in which invisible characters are written as `\u{200b}`.
fn plain(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (point, rest) = part.split_once('}').expected("a code point");
        let point = u32::from_str_radix(point, 16).expected("a number");
        plain.push(char::from_u32(point).expected("a character"));
        plain.push_str(rest);
    }
    plain
}

fn is_found(name: &str, search: &str) -> bool {
    let text = text::search_text(&[name]);
    text::search_words(search).iter().all(|word| text.contains(word.as_str()))
}

fn holds(relation: &str, one: &str, other: &str) -> bool {
    let (first, second) = (text::name_key(&[one]), text::name_key(&[other]));
    match relation {
        "equal" => first == second && is_found(one, other) && is_found(other, one),
        "tied" => first == second && !is_found(one, other),
        "less" => first < second,
        "found" => is_found(one, other),
        "absent" => !is_found(one, other),
        other => panic!("there is no relation {other}"),
    }
}

#[test]
fn names_are_sorted_and_found_as_the_table_says() {
    let file = fs::read_to_string(PAIRS).expected("the table");
    let (mut pairs, mut scripts, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [script, relation, one, other] = columns[..4] else { panic!("{line}") };
        pairs += 1;
        scripts.insert(script.to_owned());
        if !holds(relation, &plain(one), &plain(other)) {
            wrong.push(format!("{script}: {relation} {one} {other}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pairs >= 120 && scripts.len() >= 20, "{pairs} pairs in {} scripts", scripts.len());
}
