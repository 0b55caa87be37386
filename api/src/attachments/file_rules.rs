//! The rules for files of each channel and direction, as data. The cells are those of the contact center product whose
//! behavior Rapport follows. Its manual leaves the incoming sound files of some channels open; they are permitted,
//! because a provider has delivered them already. The types that it does not name follow the provider.

use entity::{attachment::AttachmentOverrides, channel::Channel};

use super::file_types::{FILE_TYPES, FileFamily, FileType, by_extension};

/// A mebibyte.
const MIB: i64 = 1 << 20;
/// Maximum length of any file, in bytes: the longest document of WhatsApp.
pub const LONGEST_FILE: i64 = 100 * MIB;
/// Maximum number of files that an entry point can permit for a message.
pub const MOST_FILES: i32 = 10;

/// The direction in which a file travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileDirection {
    /// From a customer.
    Inbound,
    /// From the organization, and between two users.
    Outbound,
}

/// The directions in which a type may travel on web chat, e-mail, Messenger and WhatsApp, each with outbound first.
type Permitted = [(bool, bool); 4];

/// The permitted directions of the types in the order of [`FILE_TYPES`]. `Y` permits and `N` refuses.
const TABLE: [(&str, [&str; 4]); 27] = [
    ("txt", ["NN", "YN", "NY", "YY"]),
    ("csv", ["YY", "NN", "NY", "NY"]),
    ("doc", ["YY", "YN", "NY", "YY"]),
    ("docx", ["YY", "YN", "NY", "YY"]),
    ("ppt", ["YY", "YN", "NY", "YY"]),
    ("pptx", ["YY", "YN", "NY", "YY"]),
    ("xls", ["YY", "YN", "NY", "YY"]),
    ("xlsx", ["YY", "YN", "NY", "YY"]),
    ("pdf", ["YY", "YN", "NY", "YY"]),
    ("png", ["YY", "YY", "YY", "YY"]),
    ("jpg", ["YY", "YY", "YY", "YY"]),
    ("jpeg", ["NY", "YY", "YY", "YY"]),
    ("gif", ["YY", "YY", "YY", "NY"]),
    ("webp", ["NN", "NN", "NY", "NY"]),
    ("bmp", ["NN", "NY", "NY", "NY"]),
    ("zip", ["NN", "YN", "NY", "NY"]),
    ("mp3", ["YY", "NY", "NY", "YY"]),
    ("wav", ["YY", "NY", "NY", "NY"]),
    ("ogg", ["NN", "NN", "NY", "YY"]),
    ("m4a", ["NN", "NN", "NY", "YY"]),
    ("aac", ["NN", "NN", "NY", "YY"]),
    ("amr", ["NN", "NN", "NY", "YY"]),
    ("mp4", ["YY", "NY", "YY", "YY"]),
    ("3gp", ["NN", "NN", "NY", "YY"]),
    ("avi", ["NN", "NY", "YY", "NY"]),
    ("flv", ["NN", "NN", "YY", "NY"]),
    ("mkv", ["NN", "NN", "NY", "NY"]),
];

/// A type that messages may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermittedType {
    /// The type.
    pub file_type: &'static FileType,
    /// True if customers may send it.
    pub inbound: bool,
    /// True if the organization may send it.
    pub outbound: bool,
    /// Maximum length of one file, in bytes.
    pub maximum_bytes: i64,
}

/// The rules for the files of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRules {
    /// Maximum number of files.
    pub maximum_count: i32,
    /// Maximum length of all files together, in bytes.
    pub maximum_bytes: i64,
    /// The types that may travel in at least one direction.
    pub types: Vec<PermittedType>,
}

/// The reason why a message may not carry a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// The type may not travel in this direction, or messages carry no files at all.
    Type,
    /// The file is longer than this maximum, in bytes.
    TooLarge(i64),
}

impl FileRules {
    /// Returns the rules of a channel with the overrides of an entry point. Without a channel, returns those of
    /// conversations of two users, who may send all types.
    #[must_use]
    pub fn of(channel: Option<Channel>, overrides: Option<&AttachmentOverrides>) -> Self {
        let total = match channel {
            Some(Channel::Whatsapp) => LONGEST_FILE,
            _ => 25 * MIB,
        };
        let mut rules = Self { maximum_count: MOST_FILES, maximum_bytes: total, types: Vec::new() };
        for (file_type, permitted) in FILE_TYPES.iter().zip(permitted()) {
            let (outbound, inbound) = match channel {
                None => (true, true),
                Some(channel) => column(channel).map_or((false, false), |column| permitted[column]),
            };
            let maximum_bytes = longest(channel, file_type.family).min(total);
            rules.types.push(PermittedType { file_type, inbound, outbound, maximum_bytes });
        }
        if let Some(overrides) = overrides {
            rules.override_with(overrides);
        }
        rules.types.retain(|one| one.inbound || one.outbound);
        rules
    }

    fn override_with(&mut self, overrides: &AttachmentOverrides) {
        if !overrides.allowed {
            self.types.clear();
            return;
        }
        self.maximum_count = overrides.maximum_count.unwrap_or(self.maximum_count);
        self.maximum_bytes = overrides.maximum_bytes.unwrap_or(self.maximum_bytes);
        for one in &mut self.types {
            one.maximum_bytes = one.maximum_bytes.min(self.maximum_bytes);
        }
        for changed in &overrides.types {
            let known = by_extension(&changed.extension);
            if let Some(one) = self.types.iter_mut().find(|one| known == Some(one.file_type)) {
                (one.inbound, one.outbound) = (changed.inbound, changed.outbound);
            }
        }
    }

    /// Returns why a message may not carry a file of a type and length, if so.
    #[must_use]
    pub fn problem(&self, file_type: &FileType, direction: FileDirection, bytes: i64) -> Option<FileProblem> {
        let Some(rule) = self.types.iter().find(|one| one.file_type == file_type) else {
            return Some(FileProblem::Type);
        };
        let permitted = if direction == FileDirection::Inbound { rule.inbound } else { rule.outbound };
        match permitted {
            false => Some(FileProblem::Type),
            true if bytes > rule.maximum_bytes => Some(FileProblem::TooLarge(rule.maximum_bytes)),
            true => None,
        }
    }
}

/// Returns the directions of all types, in the order of [`FILE_TYPES`].
fn permitted() -> impl Iterator<Item = Permitted> {
    TABLE.iter().map(|(_, cells)| cells.map(|cell| (cell.starts_with('Y'), cell.ends_with('Y'))))
}

/// Returns the column of a channel in the table. SMS carries no files.
const fn column(channel: Channel) -> Option<usize> {
    match channel {
        Channel::Webchat => Some(0),
        Channel::Email => Some(1),
        Channel::Messenger => Some(2),
        Channel::Whatsapp => Some(3),
        Channel::Sms => None,
    }
}

/// Returns true if messages of a channel can carry files.
#[must_use]
pub const fn has_files(channel: Channel) -> bool {
    column(channel).is_some()
}

/// Returns the maximum length of a file. WhatsApp has one for each family; Messenger has 25 MB for all.
fn longest(channel: Option<Channel>, family: FileFamily) -> i64 {
    match (channel, family) {
        (Some(Channel::Whatsapp), FileFamily::Picture) => 5 * MIB,
        (Some(Channel::Whatsapp), FileFamily::Audio | FileFamily::Video) => 16 * MIB,
        (Some(Channel::Whatsapp), FileFamily::Document) => LONGEST_FILE,
        _ => 25 * MIB,
    }
}

#[cfg(test)]
mod tests {
    use entity::{
        attachment::{AttachmentOverrides, FileTypeOverride},
        channel::Channel,
    };

    use super::{
        FileDirection::{Inbound, Outbound},
        FileProblem, FileRules, MIB, TABLE,
    };
    use crate::attachments::file_types::{FILE_TYPES, by_extension};

    fn problem(rules: &FileRules, extension: &str, direction: super::FileDirection, bytes: i64) -> Option<FileProblem> {
        rules.problem(by_extension(extension).expect("a type"), direction, bytes)
    }

    #[test]
    fn every_type_has_a_row_in_the_order_of_the_types() {
        let rows: Vec<_> = TABLE.iter().map(|(extension, _)| *extension).collect();
        assert_eq!(rows, FILE_TYPES.iter().map(|one| one.extension).collect::<Vec<_>>());
    }

    #[test]
    fn sizes_are_those_of_the_provider() {
        let whatsapp = FileRules::of(Some(Channel::Whatsapp), None);
        for (extension, most) in [("png", 5), ("mp4", 16), ("mp3", 16), ("pdf", 100)] {
            assert_eq!(problem(&whatsapp, extension, Outbound, most * MIB), None, "{extension}");
            let over = problem(&whatsapp, extension, Outbound, most * MIB + 1);
            assert_eq!(over, Some(FileProblem::TooLarge(most * MIB)), "{extension}");
        }
        let chat = FileRules::of(Some(Channel::Webchat), None);
        assert_eq!((chat.maximum_count, chat.maximum_bytes), (10, 25 * MIB));
    }

    #[test]
    fn an_entry_point_overrides_what_it_names() {
        let types = vec![
            FileTypeOverride { extension: "txt".to_owned(), inbound: true, outbound: false },
            FileTypeOverride { extension: "pdf".to_owned(), inbound: false, outbound: false },
        ];
        let some = AttachmentOverrides { allowed: true, maximum_count: Some(2), maximum_bytes: Some(MIB), types };
        let rules = FileRules::of(Some(Channel::Webchat), Some(&some));
        assert_eq!((rules.maximum_count, rules.maximum_bytes), (2, MIB));
        assert_eq!(problem(&rules, "txt", Inbound, MIB), None);
        assert_eq!(problem(&rules, "txt", Outbound, 1), Some(FileProblem::Type));
        assert_eq!(problem(&rules, "pdf", Inbound, 1), Some(FileProblem::Type));
        assert_eq!(problem(&rules, "png", Inbound, MIB + 1), Some(FileProblem::TooLarge(MIB)));
        let none = AttachmentOverrides { allowed: false, ..some };
        assert!(FileRules::of(Some(Channel::Webchat), Some(&none)).types.is_empty());
    }
}
