//! Cards as the API shows them.

use async_graphql::{Enum, ID, SimpleObject};

use crate::vcard_transfer::{
    export::Export,
    import::{ImportedCard, VCardImportOutcome},
};
use crate::{address_book::graphql::types::PersonalContact, memory_budget::LongText, vcard::version::Version};

/// The versions of vCards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VCardVersion {
    /// 3.0, by RFC 2426: what every program reads.
    #[graphql(name = "V3_0")]
    V3,
    /// 4.0, by RFC 6350.
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

/// The cards of many.
#[derive(SimpleObject)]
pub struct VCards {
    /// The cards, one after the other in the order asked for: a file of the media type `text/vcard`.
    text: LongText<String>,
    /// The ids that name nobody the viewer may see, as they were given.
    omitted_ids: Vec<ID>,
}

impl From<Export> for VCards {
    fn from(export: Export) -> Self {
        Self { text: LongText(export.text), omitted_ids: export.omitted_ids.into_iter().map(ID).collect() }
    }
}

/// What became of one card of a file.
#[derive(SimpleObject)]
pub struct VCardImportResult {
    /// Which card of the file it is, from 0.
    index: usize,
    /// What was done.
    outcome: VCardImportOutcome,
    /// The contact that it is now, or of DUPLICATE the one that stood in its way. Null when refused.
    contact: Option<PersonalContact>,
    /// Why it was refused, or what of it could not be kept, in English. Names each property of which something is missing,
    /// as in `PHOTO (a picture), 2 × X-NAME`. What is about the file and not about the contact (VERSION, PRODID, REV) is not
    /// named. Null when everything was kept.
    message: Option<String>,
}

impl VCardImportResult {
    /// All of a file.
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
