//! Times and days in the sentences of Rapport, in each of its languages.

use chrono::{DateTime, Datelike as _, NaiveDate};
use chrono_tz::Tz;

use super::locale::Locale;

const ENGLISH_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const GERMAN_DAYS: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
const KOREAN_DAYS: [&str; 7] = ["월", "화", "수", "목", "금", "토", "일"];
const JAPANESE_DAYS: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Writes a time of a zone, such as `Monday, 30 November at 09:00 (CET)`.
#[must_use]
pub fn write(at: DateTime<Tz>, locale: Locale) -> String {
    let (month, day, clock) = (at.month(), at.day(), at.format("%H:%M"));
    let of_week = |names: [&'static str; 7]| names[at.weekday().num_days_from_monday() as usize % 7];
    let of_year = |names: [&'static str; 12]| names[at.month0() as usize % 12];
    let zone = zone(&at);
    match locale {
        Locale::English => {
            format!("{}, {day} {} at {clock} ({zone})", of_week(ENGLISH_DAYS), of_year(ENGLISH_MONTHS))
        }
        Locale::German => {
            format!("{}, {day}. {}, {clock} Uhr ({zone})", of_week(GERMAN_DAYS), of_year(GERMAN_MONTHS))
        }
        Locale::Korean => format!("{month}월 {day}일({}) {clock}({zone})", of_week(KOREAN_DAYS)),
        Locale::Japanese => format!("{month}月{day}日（{}）{clock}（{zone}）", of_week(JAPANESE_DAYS)),
    }
}

/// Writes a day, such as `24 December 2026`.
#[must_use]
pub fn day(at: NaiveDate, locale: Locale) -> String {
    let (year, month, day) = (at.year(), at.month(), at.day());
    let of_year = |names: [&'static str; 12]| names[at.month0() as usize % 12];
    match locale {
        Locale::English => format!("{day} {} {year}", of_year(ENGLISH_MONTHS)),
        Locale::German => format!("{day}. {} {year}", of_year(GERMAN_MONTHS)),
        Locale::Korean => format!("{year}년 {month}월 {day}일"),
        Locale::Japanese => format!("{year}年{month}月{day}日"),
    }
}

/// Writes the name of a day of the week, counted from 0 for Monday.
#[must_use]
pub fn weekday(number: usize, locale: Locale) -> &'static str {
    match locale {
        Locale::English => ENGLISH_DAYS[number % 7],
        Locale::German => GERMAN_DAYS[number % 7],
        Locale::Korean => KOREAN_DAYS[number % 7],
        Locale::Japanese => JAPANESE_DAYS[number % 7],
    }
}

/// Returns the abbreviation of a zone. Some zones have only a difference to UTC.
fn zone(at: &DateTime<Tz>) -> String {
    let name = at.format("%Z").to_string();
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    use super::{Locale, write};

    #[test]
    fn a_time_is_written_in_its_zone_and_in_the_language_of_the_reader() {
        let at: DateTime<Utc> = "2026-11-30T00:30:00Z".parse().expect("a time");
        let written = Locale::ALL.map(|locale| write(at.with_timezone(&Tz::Asia__Seoul), locale));
        assert_eq!(
            written,
            [
                "Monday, 30 November at 09:30 (KST)",
                "Montag, 30. November, 09:30 Uhr (KST)",
                "11월 30일(월) 09:30(KST)",
                "11月30日（月）09:30（KST）",
            ]
        );
        let english = |zone: Tz| write(at.with_timezone(&zone), Locale::English);
        assert_eq!(english(Tz::America__Sao_Paulo), "Sunday, 29 November at 21:30 (UTC-03)");
    }
}
