//! Writes a card as text. Each card is complete, so concatenated cards are a valid file.

use chrono::Datelike;

use super::{
    card::{Address, Birthday, Card, Email, Phone},
    escape,
    labels::{self, LabelSubject},
    value_forms,
    version::Version,
};
use crate::plain_text;

/// Returns the card in the format of the version, from `BEGIN:VCARD` to the line end after `END:VCARD`.
#[must_use]
pub fn card(card: &Card, version: Version) -> String {
    let mut writer = Writer { version, groups: 0, out: String::with_capacity(1_024) };
    writer.identity(card);
    writer.name(card);
    writer.work(card);
    for email in &card.emails {
        writer.email(email);
    }
    for phone in &card.phones {
        writer.phone(phone);
    }
    for address in &card.addresses {
        writer.address(address);
    }
    for url in card.urls.iter().filter(|url| !url.address.trim().is_empty()) {
        writer.labelled("URL", LabelSubject::Url, url.label.as_deref(), |_| {
            (Parameters::default(), escape::uri(&url.address))
        });
    }
    for messenger in card.messengers.iter().filter(|messenger| !messenger.uri.trim().is_empty()) {
        let value = escape::uri(&messenger.uri);
        writer
            .labelled("IMPP", LabelSubject::Messenger, messenger.label.as_deref(), |_| (Parameters::default(), value));
    }
    writer.person(card);
    writer.line("END:VCARD");
    writer.out
}

struct Writer {
    version: Version,
    /// The number of properties so far with a label in a property of its own.
    groups: usize,
    out: String,
}

/// The parameters of a property, besides the types of its label.
#[derive(Default)]
struct Parameters {
    /// The text that is written first, without escapes.
    first: &'static str,
    /// Types before and after those of the label.
    before: Option<&'static str>,
    behind: Option<&'static str>,
    preferred: bool,
    /// The text that is written last, already escaped.
    last: String,
}

impl Writer {
    fn line(&mut self, line: &str) {
        escape::fold(&mut self.out, line);
    }

    /// Writes a text property, unless the text is empty.
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.line(&format!("{name}:{}", escape::text(value)));
        }
    }

    /// Writes a text property with parts, unless all parts are empty.
    fn parts<'a>(&mut self, name: &str, separator: &str, parts: impl Iterator<Item = &'a str>) {
        let parts: Vec<String> = parts.map(escape::text).collect();
        if parts.iter().any(|part| !part.is_empty()) {
            self.line(&format!("{name}:{}", parts.join(separator)));
        }
    }

    fn identity(&mut self, card: &Card) {
        let four = self.version == Version::V4;
        self.line("BEGIN:VCARD");
        self.line(if four { "VERSION:4.0" } else { "VERSION:3.0" });
        self.line("PRODID:-//Rapport//Rapport 1.0//EN");
        match card.uid.as_deref() {
            Some(uid) if four && value_forms::has_scheme(uid) => self.line(&format!("UID:{}", escape::uri(uid))),
            uid if four => self.text("UID;VALUE=text", uid),
            uid => self.text("UID", uid),
        }
        match (four, card.organization_card) {
            (true, true) => self.line("KIND:org"),
            (true, false) => self.line("KIND:individual"),
            // 3.0 has no kinds, and other programs also read Apple's property.
            (false, true) => self.line("X-ABShowAs:COMPANY"),
            (false, false) => {}
        }
        if let Some(at) = card.changed_at.filter(|at| value_forms::has_four_digits(at.year())) {
            let format = if four { "REV:%Y%m%dT%H%M%SZ" } else { "REV:%Y-%m-%dT%H:%M:%SZ" };
            self.line(&at.format(format).to_string());
        }
    }

    fn name(&mut self, card: &Card) {
        let full_name = shown_name(card);
        let name = &card.name;
        if !name.is_empty() {
            let parts = [&name.family, &name.given, &name.additional, &name.prefix, &name.suffix];
            self.parts("N", ";", parts.into_iter().map(|part| part.as_deref().unwrap_or_default()));
        } else if self.version == Version::V3 {
            // 3.0 requires this property even for a name that was never split.
            self.line(&format!("N:{};;;;", escape::text(full_name)));
        }
        self.line(&format!("FN:{}", escape::text(full_name)));
        self.parts("NICKNAME", ",", card.nicknames.iter().map(String::as_str));
    }

    fn work(&mut self, card: &Card) {
        let organization = card.organization.as_deref().unwrap_or_default();
        self.parts("ORG", ";", std::iter::once(organization).chain(card.units.iter().map(String::as_str)));
        self.text("TITLE", card.title.as_deref());
    }

    fn email(&mut self, email: &Email) {
        if email.address.is_empty() {
            return;
        }
        let before = (self.version == Version::V3).then_some("internet");
        let parameters = Parameters { before, preferred: email.preferred, ..Parameters::default() };
        let value = escape::text(&email.address);
        self.labelled("EMAIL", LabelSubject::Email, email.label.as_deref(), |_| (parameters, value));
    }

    fn phone(&mut self, phone: &Phone) {
        if phone.number.is_empty() {
            return;
        }
        let extension = phone.extension.as_deref().filter(|extension| !extension.is_empty());
        let dialled = value_forms::is_global(&phone.number) && extension.is_none_or(value_forms::is_dialled);
        let (first, value) = match (self.version, extension) {
            (Version::V4, None) if dialled => ("VALUE=uri", format!("tel:{}", phone.number)),
            (Version::V4, Some(extension)) if dialled => ("VALUE=uri", format!("tel:{};ext={extension}", phone.number)),
            (version, extension) => {
                let mark = |extension| if plain_text::is_extension(extension) { " x" } else { ";ext=" };
                let behind = extension.map(|extension| format!("{}{extension}", mark(extension))).unwrap_or_default();
                let first = if version == Version::V4 { "VALUE=text" } else { "" };
                (first, escape::text(&format!("{}{behind}", phone.number)))
            }
        };
        self.labelled("TEL", LabelSubject::Phone, phone.label.as_deref(), |types| {
            // A line that has no other kind is a voice line.
            let behind = types.iter().all(|word| matches!(*word, "work" | "home")).then_some("voice");
            (Parameters { first, behind, preferred: phone.preferred, ..Parameters::default() }, value)
        });
    }

    fn address(&mut self, address: &Address) {
        let lines = address.lines();
        if lines.is_empty() {
            return;
        }
        let parts = [&address.street, &address.city, &address.region, &address.postal_code, &address.country];
        let parts: Vec<String> =
            parts.into_iter().map(|part| escape::text(part.as_deref().unwrap_or_default())).collect();
        // The post office box and the suite come first and are always empty.
        let value = format!(";;{}", parts.join(";"));
        let (preferred, label) = (address.preferred, address.label.as_deref());
        let last = match self.version {
            Version::V3 => String::new(),
            Version::V4 => format!(";LABEL={}", escape::parameter(&lines.join("\n"))),
        };
        self.labelled("ADR", LabelSubject::Address, label, |_| {
            (Parameters { preferred, last, ..Parameters::default() }, value)
        });
        if self.version == Version::V3 {
            let types =
                label.and_then(|label| labels::types(label, LabelSubject::Address, Version::V3)).unwrap_or_default();
            let types = self.types(&Parameters { preferred, ..Parameters::default() }, &types);
            self.line(&format!("LABEL{types}:{}", escape::text(&lines.join("\n"))));
        }
    }

    fn person(&mut self, card: &Card) {
        let four = self.version == Version::V4;
        if let Some(url) = card.photo_url.as_deref().filter(|url| url.starts_with("https://")) {
            let parameters = match value_forms::media_type(url) {
                _ if !four => ";VALUE=uri".to_owned(),
                Some(media_type) => format!(";MEDIATYPE={media_type}"),
                None => String::new(),
            };
            self.line(&format!("PHOTO{parameters}:{}", escape::uri(url)));
        }
        if let Some(Birthday { year, month, day }) = card.birthday {
            self.line(&match (year, four) {
                (Some(year), true) => format!("BDAY:{year:04}{month:02}{day:02}"),
                (Some(year), false) => format!("BDAY:{year:04}-{month:02}-{day:02}"),
                (None, true) => format!("BDAY:--{month:02}{day:02}"),
                // 3.0 has no date without a year. Apple's parameter marks 1604, a leap year, as omitted.
                (None, false) => format!("BDAY;X-APPLE-OMIT-YEAR=1604:1604-{month:02}-{day:02}"),
            });
        }
        if four {
            self.text("LANG;PREF=1", card.locale.as_deref());
        }
        match (card.time_zone.as_deref(), card.time_zone.as_deref().and_then(value_forms::offset)) {
            (_, Some(offset)) if four => self.line(&format!("TZ;VALUE=utc-offset:{}", offset.replace(':', ""))),
            (_, Some(offset)) => self.line(&format!("TZ:{offset}")),
            (zone, None) => self.text(if four { "TZ" } else { "TZ;VALUE=text" }, zone),
        }
        self.parts("CATEGORIES", ",", card.categories.iter().map(String::as_str));
        self.text("NOTE", card.note.as_deref());
    }

    /// Writes a property with a label. The label becomes types if the version has them. Otherwise it becomes a property
    /// of the same group, because a type may not contain free text. Address books on telephones show such labels.
    fn labelled(
        &mut self,
        name: &str,
        of: LabelSubject,
        label: Option<&str>,
        write: impl FnOnce(&[&'static str]) -> (Parameters, String),
    ) {
        let label = label.filter(|label| !label.is_empty());
        let known = label.and_then(|label| labels::types(label, of, self.version));
        let own = label.filter(|_| known.is_none());
        let types = known.unwrap_or_default();
        let (parameters, value) = write(&types);
        let group = match own {
            None => String::new(),
            Some(_) => {
                self.groups += 1;
                format!("item{}.", self.groups)
            }
        };
        let types = self.types(&parameters, &types);
        self.line(&format!("{group}{name}{types}{}:{value}", parameters.last));
        if let Some(label) = own {
            self.line(&format!("{group}X-ABLabel:{}", escape::text(label)));
        }
    }

    /// Returns the parameters, each after a semicolon. 3.0 lists all types in one parameter, and 4.0 repeats the
    /// parameter.
    fn types(&self, parameters: &Parameters, types: &[&str]) -> String {
        let first = if parameters.first.is_empty() { String::new() } else { format!(";{}", parameters.first) };
        let mut types: Vec<&str> =
            parameters.before.into_iter().chain(types.iter().copied()).chain(parameters.behind).collect();
        match self.version {
            Version::V3 => {
                types.extend(parameters.preferred.then_some("pref"));
                let types = types.join(",").to_ascii_uppercase();
                if types.is_empty() { first } else { format!("{first};TYPE={types}") }
            }
            Version::V4 => {
                let types: Vec<String> = types.iter().map(|word| format!(";TYPE={word}")).collect();
                let preferred = if parameters.preferred { ";PREF=1" } else { "" };
                format!("{first}{}{preferred}", types.concat())
            }
        }
    }
}

/// Returns the display name, because each version requires one.
fn shown_name(card: &Card) -> &str {
    let others = [card.name.given.as_deref(), card.name.family.as_deref(), card.organization.as_deref()];
    let address = card.emails.first().map(|email| email.address.as_str());
    let names = std::iter::once(card.full_name.as_str()).chain(others.into_iter().flatten()).chain(address);
    names.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Version, card};
    use crate::vcard::{
        card::{Address, Birthday, Card, Email, Messenger, NameParts, Phone, Url},
        read::cards,
    };

    #[test]
    fn each_version_has_its_own_words() {
        let text = |value: &str| Some(value.to_owned());
        let jane = Card {
            uid: text("urn:uuid:1"),
            full_name: "Jane Doe".into(),
            emails: vec![Email { address: "a@b".into(), label: text("work"), preferred: true }],
            phones: vec![Phone {
                number: "+1-555-0100".into(),
                label: text("work"),
                extension: text("5555"),
                preferred: true,
            }],
            addresses: vec![Address { label: text("work"), street: text("line\n\"b\""), ..Address::default() }],
            urls: vec![Url { address: "https://x.org/?a=1,2".into(), label: text("work") }],
            birthday: Birthday::new(None, 1, 31),
            locale: text("ko"),
            time_zone: text("+0900"),
            ..Card::default()
        };
        let three = "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Rapport//Rapport 1.0//EN\nUID:urn:uuid:1\nN:Jane Doe;;;;\nFN:Jane Doe\n\
            EMAIL;TYPE=INTERNET,WORK,PREF:a@b\nTEL;TYPE=WORK,VOICE,PREF:+1-555-0100 x5555\nADR;TYPE=WORK:;;line\\n\"b\";;;;\n\
            LABEL;TYPE=WORK:line\\n\"b\"\nitem1.URL:https://x.org/?a=1%2C2\nitem1.X-ABLabel:work\n\
            BDAY;X-APPLE-OMIT-YEAR=1604:1604-01-31\nTZ:+09:00\nEND:VCARD\n";
        assert_eq!(card(&jane, Version::V3), three.replace('\n', "\r\n"));
        let four = "BEGIN:VCARD\nVERSION:4.0\nPRODID:-//Rapport//Rapport 1.0//EN\nUID:urn:uuid:1\nKIND:individual\nFN:Jane Doe\n\
            EMAIL;TYPE=work;PREF=1:a@b\nTEL;VALUE=uri;TYPE=work;TYPE=voice;PREF=1:tel:+1-555-0100;ext=5555\n\
            ADR;TYPE=work;LABEL=\"line^n^'b^'\":;;line\\n\"b\";;;;\nURL;TYPE=work:https://x.org/?a=1%2C2\nBDAY:--0131\nLANG;PREF=1:ko\n\
            TZ;VALUE=utc-offset:+0900\nEND:VCARD\n";
        assert_eq!(card(&jane, Version::V4), four.replace('\n', "\r\n"));
    }

    #[test]
    fn no_field_can_become_a_property() {
        for evil in [
            "x\r\nEND:VCARD\r\nBEGIN:VCARD\r\nX-EVIL:1",
            "\":evil\nX-EVIL:1",
            "a;TYPE=X:1\rX-EVIL:1",
            "\u{2028}X-EVIL:1\u{85}X-EVIL:1\0",
        ] {
            let evil = || evil.to_owned();
            let label = || Some(evil());
            let card_of_evil = Card {
                uid: label(),
                organization_card: true,
                full_name: evil(),
                name: NameParts {
                    family: label(),
                    given: label(),
                    additional: label(),
                    prefix: label(),
                    suffix: label(),
                },
                nicknames: vec![evil()],
                organization: label(),
                units: vec![evil()],
                title: label(),
                emails: vec![Email { address: evil(), label: label(), preferred: true }],
                phones: vec![Phone {
                    number: format!("+1{}", evil()),
                    label: label(),
                    extension: label(),
                    preferred: true,
                }],
                addresses: vec![Address { label: label(), street: label(), city: label(), ..Address::default() }],
                urls: vec![Url { address: format!("https://x{}", evil()), label: label() }],
                messengers: vec![Messenger { uri: format!("xmpp:{}", evil()), label: label() }],
                photo_url: Some(format!("https://{}", evil())),
                birthday: None,
                locale: label(),
                time_zone: label(),
                categories: vec![evil()],
                note: label(),
                changed_at: None,
            };
            for version in [Version::V3, Version::V4] {
                let written = card(&card_of_evil, version);
                let whole = written.replace("\r\n ", "");
                assert!(!whole.replace("\r\n", "").contains(|c: char| c.is_control() || c == '\u{2028}'), "{whole}");
                for line in whole.split_terminator("\r\n") {
                    let name = line.split([':', ';']).next().unwrap_or_default();
                    let name = name.split_once('.').map_or(name, |(_, name)| name);
                    assert!(name != "X-EVIL" && !name.is_empty() && line.contains(':'), "{line}");
                }
                assert_eq!(whole.matches("\r\nEND:VCARD").count(), 1, "{whole}");
                assert_eq!(cards(written.as_bytes(), None).flatten().count(), 1);
            }
        }
    }
}
