//! Five hundred generated people for tests that write and read cards. They are the same at each run.

use chrono::DateTime;

use super::card::{Address, Birthday, Card, Email, Messenger, NameParts, Phone, Url};

/// Words of many scripts, including text that has a meaning in a card.
const WORDS: &str = "김철수 박 서울특별시 やまだ 太郎 カタカナ Zoë O'Brien \"quoted\" a,b c;d e\\f \\n 😀👩‍👩‍👧 x:y=z ^n Straße بسم \
    END:VCARD =0D=0A %41 <b> &amp; #1";

const LABELS: &str = "work|home|mobile|fax|pager|work fax|other|text|car|Zweit;TYPE=x|내선, \"1\"";

struct Chance(u64);

impl Chance {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("32 bits") % below
    }

    fn words(&mut self, most: usize, between: &str) -> String {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.pick(WORDS, ' ')).collect::<Vec<_>>().join(between)
    }

    fn pick(&mut self, from: &'static str, separator: char) -> &'static str {
        let all: Vec<&str> = from.split(separator).collect();
        all[self.below(all.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    fn label(&mut self) -> Option<String> {
        self.maybe(|chance| match chance.below(9) {
            0 => chance.words(3, " "),
            _ => chance.pick(LABELS, '|').to_owned(),
        })
    }

    fn number(&mut self) -> String {
        let digits = 1_000_000 + self.below(8_999_999);
        match self.below(5) {
            0 => format!("+82-10-{digits}"),
            1 => format!("+82 10 {digits}"),
            2 => format!("02) {digits}, ask; for \\ me"),
            3 => format!("+1(555){digits}"),
            _ => digits.to_string(),
        }
    }
}

/// Returns the generated people.
pub fn people() -> Vec<Card> {
    let mut chance = Chance(20_260_920);
    (0..500).map(|number| person(&mut chance, number)).collect()
}

fn person(chance: &mut Chance, number: usize) -> Card {
    let part = |chance: &mut Chance| chance.maybe(|chance| chance.words(2, " "));
    let lines =
        |chance: &mut Chance| chance.maybe(|chance| format!("{}\n{}", chance.words(4, " "), chance.words(9, "\n")));
    let mut name = NameParts::default();
    if !number.is_multiple_of(5) {
        name.family = Some(chance.words(2, "  "));
        name.given = Some(chance.words(2, "; "));
        [name.additional, name.prefix, name.suffix] = [part(chance), part(chance), part(chance)];
    }
    Card {
        uid: Some(format!("urn:uuid:00000000-0000-7000-8000-{number:012}")),
        organization_card: number.is_multiple_of(11),
        full_name: format!("{} {number}", chance.words(4, " ")),
        name,
        nicknames: chance.some(3, |chance| chance.words(2, " ")),
        organization: part(chance),
        units: chance.some(2, |chance| chance.words(2, ", ")),
        title: part(chance),
        emails: chance.some(3, |chance| Email {
            address: format!("p{number}.{}@example.com", chance.below(99)),
            label: chance.label(),
            preferred: chance.below(3) == 0,
        }),
        phones: chance.some(4, |chance| Phone {
            number: chance.number(),
            label: chance.label(),
            extension: chance.maybe(|chance| chance.below(9_999).to_string()),
            preferred: chance.below(3) == 0,
        }),
        addresses: chance.some(2, |chance| Address {
            label: chance.label(),
            street: lines(chance),
            city: Some(chance.words(2, " ")),
            region: part(chance),
            postal_code: chance.maybe(|chance| chance.below(99_999).to_string()),
            country: part(chance),
            preferred: chance.below(3) == 0,
        }),
        urls: chance.some(2, |chance| Url {
            address: format!("https://example.com/{number}?q={}%2C%3B#{}", chance.below(99), chance.below(99)),
            label: chance.label(),
        }),
        messengers: chance.some(2, |chance| Messenger {
            uri: format!("xmpp:p{}@example.com", chance.below(99)),
            label: chance.label(),
        }),
        photo_url: chance.maybe(|_| format!("https://example.com/photos/{number}.png")),
        birthday: chance.maybe(|chance| {
            let year = chance.maybe(|chance| 1940 + u16::try_from(chance.below(70)).expect("small"));
            let day = u8::try_from(1 + chance.below(28)).expect("small");
            Birthday::new(year, u8::try_from(1 + chance.below(12)).expect("small"), day).expect("a day")
        }),
        locale: chance.maybe(|chance| ["ko", "ja-JP", "zh-Hant"][chance.below(3)].to_owned()),
        time_zone: chance.maybe(|chance| ["Asia/Seoul", "+09:00", "-03:30"][chance.below(3)].to_owned()),
        categories: chance.some(4, |chance| chance.words(2, " ")),
        note: lines(chance).map(|note| note.repeat(1 + chance.below(6))),
        changed_at: DateTime::from_timestamp(
            1_700_000_000 + i64::try_from(chance.below(99_999_999)).expect("small"),
            0,
        ),
    }
}
