//! Schema types of personal contacts, which only their owner sees.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::{id::PersonalContactId, personal_contact};

use super::loader::{ContactById, SuggestionFor};
use crate::{
    auth::request_context::ContextExt,
    contacts::visibility::{EmailAddress, Phone, PostalAddress, VisibleDetails, WebAddress},
    error::Result,
    instant::Instant,
    memory_budget::LongText,
    pagination::list_size,
    text,
    users::graphql::types::{PersonName, User},
    vcard::write,
    vcard_transfer::{card, graphql::types::VCardVersion},
};

/// A private entry of the viewer's address book. No other user sees it.
#[derive(Clone)]
pub struct PersonalContact(pub Arc<personal_contact::Model>);

/// A private entry of the viewer's address book. No other user sees it.
#[Object]
impl PersonalContact {
    /// The contact's id, `contact_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The name to show.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(&self.0.display_name)
    }

    /// The letter under which the name stands in a list by name. It is the base letter of an alphabet, a Korean initial
    /// consonant, the first kana of a row, a Chinese character, or `#`.
    pub async fn sort_heading(&self) -> String {
        text::heading(&self.0.name_key)
    }

    /// The name in its parts.
    async fn name(&self) -> PersonName {
        PersonName {
            given: self.0.given_name.clone().map(LongText),
            family: self.0.family_name.clone().map(LongText),
            additional: self.0.additional_name.clone().map(LongText),
            prefix: self.0.name_prefix.clone().map(LongText),
            suffix: self.0.name_suffix.clone().map(LongText),
        }
    }

    /// The job title.
    async fn title(&self) -> Option<LongText<&str>> {
        self.0.title.as_deref().map(LongText)
    }

    /// The company or institution where the person works.
    async fn organization(&self) -> Option<LongText<&str>> {
        self.0.organization.as_deref().map(LongText)
    }

    /// The viewer's note about the contact.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }

    /// The contact's e-mail addresses.
    #[graphql(directive = list_size::apply(4))]
    async fn emails(&self) -> Vec<EmailAddress> {
        VisibleDetails::private(&self.0.details).emails()
    }

    /// The contact's telephone numbers.
    #[graphql(directive = list_size::apply(4))]
    async fn phones(&self) -> Vec<Phone> {
        VisibleDetails::private(&self.0.details).phones()
    }

    /// The contact's postal addresses.
    #[graphql(directive = list_size::apply(4))]
    async fn addresses(&self) -> Vec<PostalAddress> {
        VisibleDetails::private(&self.0.details).addresses()
    }

    /// The contact's web pages.
    #[graphql(directive = list_size::apply(4))]
    async fn urls(&self) -> Vec<WebAddress> {
        VisibleDetails::private(&self.0.details).urls()
    }

    /// The person in the organization whom this contact may represent. One of the contact's e-mail addresses is on the
    /// person's profile, as far as the viewer may see it. Null when the viewer may see no such person.
    async fn suggested_user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(ctx.load(SuggestionFor(self.0.id)).await.transpose()?.map(User::from))
    }

    /// The contact's vCard, with all details.
    #[graphql(name = "vCard")]
    async fn vcard(
        &self,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
    ) -> LongText<String> {
        LongText(write::card(&card::of_contact(&self.0), version.into()))
    }

    /// The time when the contact was created.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time when the contact was last changed.
    async fn updated_at(&self) -> Instant {
        Instant(self.0.updated_at)
    }
}

impl PersonalContact {
    /// Returns the contact with an id, if it is in the viewer's address book.
    pub async fn find(ctx: &Context<'_>, id: PersonalContactId) -> Result<Option<Self>> {
        if ctx.viewer().is_err() {
            return Ok(None);
        }
        Ok(ctx.load(ContactById(id)).await?.map(Self))
    }
}

impl From<personal_contact::Model> for PersonalContact {
    fn from(row: personal_contact::Model) -> Self {
        Self(Arc::new(row))
    }
}
