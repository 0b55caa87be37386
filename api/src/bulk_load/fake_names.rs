//! Generated names. A number always gives the same name. Every third name is Korean or Japanese.

/// A generated name.
pub struct FakeName {
    /// The given name.
    pub given: &'static str,
    /// The family name.
    pub family: &'static str,
    /// True when the family name comes first.
    pub family_first: bool,
}

impl FakeName {
    /// Returns the full name in the order and spacing of its language.
    #[must_use]
    pub fn display(&self) -> String {
        let Self { given, family, family_first } = self;
        match family_first {
            true if family.chars().all(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c)) => format!("{family}{given}"),
            true => format!("{family} {given}"),
            false => format!("{given} {family}"),
        }
    }
}

const LATIN_FAMILY: [&str; 64] = [
    "Abbott",
    "Alvarez",
    "Andersson",
    "Baker",
    "Becker",
    "Bianchi",
    "Brown",
    "Carter",
    "Castro",
    "Clark",
    "Costa",
    "Dahl",
    "Davies",
    "Dubois",
    "Duran",
    "Eriksen",
    "Evans",
    "Fischer",
    "Flores",
    "Foster",
    "Garcia",
    "Gomez",
    "Gruber",
    "Hall",
    "Hansen",
    "Hughes",
    "Ivanov",
    "Jansen",
    "Jensen",
    "Jones",
    "Keller",
    "Khan",
    "Kowalski",
    "Laurent",
    "Lopez",
    "Martin",
    "Meyer",
    "Moreau",
    "Müller",
    "Nilsson",
    "Novák",
    "O'Brien",
    "Olsen",
    "Pereira",
    "Peters",
    "Popescu",
    "Quinn",
    "Ramos",
    "Reed",
    "Ricci",
    "Rossi",
    "Santos",
    "Schmidt",
    "Silva",
    "Smith",
    "Sørensen",
    "Taylor",
    "Torres",
    "Ueland",
    "Vargas",
    "Weber",
    "Wilson",
    "Young",
    "Zimmer",
];
const LATIN_GIVEN: [&str; 64] = [
    "Ada", "Alice", "Amir", "Anna", "Arthur", "Beatriz", "Ben", "Bruno", "Carla", "Carlos", "Chloé", "Clara", "Daniel",
    "David", "Diego", "Elena", "Elias", "Emil", "Emma", "Erik", "Eva", "Felix", "Fiona", "Frida", "Gabriel", "Greta",
    "Hanna", "Hugo", "Ida", "Irene", "Ivan", "Jakob", "Jana", "João", "Julia", "Karin", "Kurt", "Lara", "Leo", "Lucía",
    "Lukas", "Maja", "Marco", "Maria", "Max", "Mia", "Nina", "Noah", "Nora", "Olga", "Oscar", "Paula", "Pedro", "Rosa",
    "Samuel", "Sara", "Simon", "Sofia", "Theo", "Tomás", "Ursula", "Vera", "Viktor", "Zoë",
];
const KOREAN_FAMILY: [&str; 16] =
    ["김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황"];
const KOREAN_GIVEN: [&str; 32] = [
    "민준", "서준", "도윤", "예준", "시우", "하준", "주원", "지호", "지후", "준서", "건우", "현우", "우진", "선우",
    "서진", "유준", "서연", "서윤", "지우", "서현", "하은", "하윤", "민서", "지유", "윤서", "채원", "수아", "지민",
    "지아", "은서", "다은", "철수",
];
const JAPANESE_FAMILY: [&str; 24] = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "佐々木",
    "山口",
    "松本",
    "井上",
    "木村",
    "林",
    "斎藤",
    "清水",
    "さかもと",
    "モリ",
    "アベ",
    "はしもと",
];
const JAPANESE_GIVEN: [&str; 32] = [
    "蓮",
    "陽翔",
    "湊",
    "樹",
    "大翔",
    "悠真",
    "朝陽",
    "律",
    "颯太",
    "大和",
    "健太",
    "翔",
    "拓海",
    "誠",
    "太郎",
    "一郎",
    "陽葵",
    "凛",
    "紬",
    "結菜",
    "芽依",
    "葵",
    "さくら",
    "美咲",
    "花子",
    "結衣",
    "莉子",
    "ひなた",
    "あかり",
    "ゆい",
    "アヤ",
    "ユキ",
];

/// Returns the name for a number.
#[must_use]
pub fn of(number: u32) -> FakeName {
    let chance = scatter(number.into());
    let pick = |names: &[&'static str], shift: u32| {
        let index = (chance >> shift) % names.len() as u64;
        names[usize::try_from(index).unwrap_or_default()]
    };
    let (family, given): (&[&str], &[&str]) = match number % 6 {
        0 => (&KOREAN_FAMILY, &KOREAN_GIVEN),
        3 => (&JAPANESE_FAMILY, &JAPANESE_GIVEN),
        _ => (&LATIN_FAMILY, &LATIN_GIVEN),
    };
    FakeName { family: pick(family, 8), given: pick(given, 32), family_first: number.is_multiple_of(3) }
}

/// Spreads neighboring numbers over all bits with `SplitMix64`.
#[must_use]
pub fn scatter(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_third_of_the_names_is_korean_or_japanese_and_names_stay() {
        let asian = (0..6_000).filter(|n| !of(*n).display().chars().any(|c| c.is_ascii_alphabetic())).count();
        assert_eq!(asian, 2_000);
        assert_eq!(of(42).display(), of(42).display());
    }
}
