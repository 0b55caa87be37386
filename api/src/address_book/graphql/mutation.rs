//! The mutations `savePersonalContact` and `deletePersonalContact`. They change only the viewer's own address book.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::PersonalContact;
use crate::address_book::book_entries::{self, SavePersonalContactInput};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
};

/// The personal contact to delete.
#[derive(InputObject)]
struct DeletePersonalContactInput {
    /// The contact's id.
    contact_id: ID,
}

/// Root mutations of the viewer's address book.
#[derive(Default)]
pub struct PersonalMutation;

#[Object]
impl PersonalMutation {
    /// Creates a contact in the viewer's address book, or changes the contact with the given id. An address book has at
    /// most 10,000 contacts. Refuses with REQUIRED, INVALID, NOT_FOUND, DUPLICATE or IDEMPOTENCY_KEY_REUSED, and with
    /// LIMIT_REACHED when the book is full.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn save_personal_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact to save.")] input: SavePersonalContactInput,
    ) -> Result<SavePersonalContactPayload> {
        let saved = book_entries::save(ctx.app()?, ctx.viewer()?, &input).await;
        let (contact, effect) = Effect::split(saved.map(|saved| (saved.contact, saved.changed)))?;
        Ok(SavePersonalContactPayload { contact: contact.map(PersonalContact::from), effect })
    }

    /// Deletes a contact from the viewer's address book. A repeated call changes nothing. Refuses with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn delete_personal_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact to delete.")] input: DeletePersonalContactInput,
    ) -> Result<DeletePersonalContactPayload> {
        let deleted = book_entries::delete(ctx.app()?, ctx.viewer()?, &input.contact_id).await;
        let (id, effect) = Effect::split(deleted)?;
        Ok(DeletePersonalContactPayload { deleted_id: id.map(ID::from), effect })
    }
}

/// The result of `savePersonalContact`.
#[derive(SimpleObject)]
struct SavePersonalContactPayload {
    /// The contact after the call. Null when the call was refused.
    contact: Option<PersonalContact>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `deletePersonalContact`.
#[derive(SimpleObject)]
struct DeletePersonalContactPayload {
    /// The id of the deleted contact. Null when the call was refused.
    deleted_id: Option<ID>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
