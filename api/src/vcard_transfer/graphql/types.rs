//! GraphQL types of vCard import and export.

use async_graphql::{Enum, ID, SimpleObject};

use crate::vcard_transfer::{
    export::Export,
    import::{ImportedCard, VCardImportOutcome},
};
use crate::{address_book::graphql::types::PersonalContact, memory_budget::LongText, vcard::version::Version};

/// The version of an exported vCard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VCardVersion {
    /// Version 3.0 of RFC 2426. All common address books can import it.
    #[graphql(name = "V3_0")]
    V3,
    /// Version 4.0 of RFC 6350.
    #[graphql(name = "V4_0")]
    V4,
}

impl From<VCardVersion> for Version {
    fn from(version: VCardVersion) -> Self {
        match version {
            VCardVersion::V3 => Self::V3,
            VCardVersion::V4 => Self::V4,
        }
    }
}

/// The vCards of several people and personal contacts.
#[derive(SimpleObject)]
pub struct VCards {
    /// The cards in the requested order, as a file of the media type `text/vcard`.
    text: LongText<String>,
    /// The requested ids, unchanged, for which the viewer can see no person or contact.
    omitted_ids: Vec<ID>,
}

impl From<Export> for VCards {
    fn from(export: Export) -> Self {
        Self { text: LongText(export.text), omitted_ids: export.omitted_ids.into_iter().map(ID).collect() }
    }
}

/// The result of one card of an imported file.
#[derive(SimpleObject)]
pub struct VCardImportResult {
    /// The position of the card in the file, from 0.
    index: usize,
    /// The effect of the import on the address book.
    outcome: VCardImportOutcome,
    /// The contact that the card created, changed or left unchanged. With DUPLICATE it is the conflicting contact. Null
    /// when the card was refused.
    contact: Option<PersonalContact>,
    /// The reason for a refusal, or the parts of the card that were not kept, in English. Names each such property, as
    /// in `PHOTO (a picture), 2 × X-NAME`. Properties of the file itself (VERSION, PRODID, REV) are not named. Null
    /// when all parts were kept.
    message: Option<String>,
}

impl VCardImportResult {
    /// Returns the results of a file in the order of its cards.
    #[must_use]
    pub fn all(outcomes: Vec<ImportedCard>) -> Vec<Self> {
        let result = |(index, ImportedCard { outcome, contact, message })| Self {
            index,
            outcome,
            contact: Option::map(contact, PersonalContact),
            message,
        };
        outcomes.into_iter().enumerate().map(result).collect()
    }
}
