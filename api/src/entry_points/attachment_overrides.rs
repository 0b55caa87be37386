//! The rules for files that administrators set at an entry point.

use async_graphql::InputObject;
use entity::{
    attachment::{AttachmentOverrides, FileTypeOverride},
    channel::Channel,
};

use crate::{
    attachments::{
        file_rules::{self, LONGEST_FILE, MOST_FILES},
        file_types::{self, FILE_TYPES},
    },
    contact_center::name_validation::{self, invalid},
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
};

const TYPES: FieldPath = &["input", "attachments", "types"];
const EXTENSION: FieldPath = &["input", "attachments", "types", "extension"];

/// The rules for files of messages at an entry point. What is left out is as on the channel.
#[derive(Clone, Debug, InputObject)]
pub struct AttachmentOverridesInput {
    /// False if messages carry no files.
    #[graphql(default = true)]
    pub allowed: bool,
    /// The maximum number of files of a message, 1 to 10.
    pub maximum_count: Option<i32>,
    /// The maximum length of all files of a message together, 1 to 104,857,600 bytes.
    pub maximum_bytes: Option<i64>,
    /// The types that differ from the channel's, each at most once.
    #[graphql(default)]
    pub types: Vec<FileTypeOverrideInput>,
}

/// The sides that may send a type of file.
#[derive(Clone, Debug, InputObject)]
pub struct FileTypeOverrideInput {
    /// The ending of file names, one of those that `channels` shows, such as `pdf`.
    pub extension: String,
    /// True if customers may send it.
    pub inbound: bool,
    /// True if the organization may send it.
    pub outbound: bool,
}

impl AttachmentOverridesInput {
    /// Checks the rules of an entry point of a channel. Refuses with `NOT_ALLOWED` on a channel without files, with
    /// `OUT_OF_RANGE`, `INVALID` or `DUPLICATE`.
    pub fn check(&self, channel: Channel) -> Result<AttachmentOverrides> {
        if !file_rules::has_files(channel) && self.allowed {
            let why = "Messages of this channel carry no files.";
            return Err(Error::refused(UserErrorCode::NotAllowed, &["input", "attachments"], why));
        }
        let count =
            |count| name_validation::check_range(count, 1, MOST_FILES, &["input", "attachments", "maximumCount"]);
        if let Some(bytes) = self.maximum_bytes.filter(|bytes| !(1..=LONGEST_FILE).contains(bytes)) {
            let field: FieldPath = &["input", "attachments", "maximumBytes"];
            let refused = Error::refused(UserErrorCode::OutOfRange, field, "1 byte to 100 MiB.");
            return Err(refused.with_excess(if bytes < 1 { 1 } else { LONGEST_FILE }, bytes));
        }
        if self.types.len() > FILE_TYPES.len() {
            let refused = Error::refused(UserErrorCode::LimitReached, TYPES, "Each type can be named once.");
            return Err(refused.with_excess(FILE_TYPES.len(), self.types.len()));
        }
        let mut types: Vec<FileTypeOverride> = Vec::new();
        for (position, wish) in self.types.iter().enumerate() {
            let checked = || {
                let unknown = || invalid(EXTENSION, "There is no such type of file.");
                let known = file_types::by_extension(&wish.extension).ok_or_else(unknown)?;
                if types.iter().any(|earlier| earlier.extension == known.extension) {
                    return Err(Error::refused(UserErrorCode::Duplicate, EXTENSION, "The type is named twice."));
                }
                let extension = known.extension.to_owned();
                Ok(FileTypeOverride { extension, inbound: wish.inbound, outbound: wish.outbound })
            };
            let checked = checked().map_err(|error: Error| error.in_item(TYPES, position))?;
            types.push(checked);
        }
        Ok(AttachmentOverrides {
            allowed: self.allowed,
            maximum_count: self.maximum_count.map(count).transpose()?,
            maximum_bytes: self.maximum_bytes,
            types,
        })
    }
}
