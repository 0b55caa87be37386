//! Personal contacts as the API shows them to their owner.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{id::PersonalContactId, personal_contact};

use super::loader::{ContactById, SuggestionFor};
use crate::{
    auth::context::ContextExt,
    cards::{card, types::VCardVersion},
    contacts::reach::{EmailAddress, Phone, PostalAddress, Seen, WebAddress},
    error::Result,
    text,
    users::types::{PersonName, User},
    vcard::write,
    weight::LongText,
};

/// A private entry of the viewer's address book. Nobody else sees it.
#[derive(Clone)]
pub struct PersonalContact(pub Arc<personal_contact::Model>);

/// A private entry of the viewer's address book. Nobody else sees it.
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

    /// The letter the name stands under in a list by name: a letter, a Korean initial consonant, the first kana of a
    /// row, or `#`.
    pub async fn heading(&self) -> String {
        text::heading(&self.0.name_key)
    }

    /// The parts of the name.
    async fn name(&self) -> PersonName {
        PersonName {
            given: self.0.given_name.clone().map(LongText),
            family: self.0.family_name.clone().map(LongText),
            additional: self.0.additional_name.clone().map(LongText),
            prefix: self.0.name_prefix.clone().map(LongText),
            suffix: self.0.name_suffix.clone().map(LongText),
        }
    }

    /// Job title.
    async fn title(&self) -> Option<LongText<&str>> {
        self.0.title.as_deref().map(LongText)
    }

    /// Where the person works.
    async fn organisation(&self) -> Option<LongText<&str>> {
        self.0.organisation.as_deref().map(LongText)
    }

    /// What the viewer wrote down about the contact.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }

    /// E-mail addresses.
    async fn emails(&self) -> Vec<EmailAddress> {
        Seen::private(&self.0.details).emails()
    }

    /// Telephone numbers.
    async fn phones(&self) -> Vec<Phone> {
        Seen::private(&self.0.details).phones()
    }

    /// Postal addresses.
    async fn addresses(&self) -> Vec<PostalAddress> {
        Seen::private(&self.0.details).addresses()
    }

    /// Pages of the web.
    async fn urls(&self) -> Vec<WebAddress> {
        Seen::private(&self.0.details).urls()
    }

    /// The person in the organisation whom this contact may be: one of the e-mail addresses is theirs, as far as the viewer
    /// may see it on their profile. Null when there is none to see.
    async fn suggested_user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(ctx.load(SuggestionFor(self.0.id)).await.transpose()?.map(User::from))
    }

    /// The contact's vCard, with everything.
    #[graphql(name = "vCard")]
    async fn vcard(
        &self,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
    ) -> LongText<String> {
        LongText(write::card(&card::of_contact(&self.0), version.into()))
    }

    /// When the contact was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the contact was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

impl PersonalContact {
    /// The contact with an id, if it stands in the viewer's address book.
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
