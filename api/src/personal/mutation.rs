//! `savePersonalContact`, `deletePersonalContact`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    book::{self, SavePersonalContactInput},
    types::PersonalContact,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, UserError, settle},
    relationships::deeds::Outcome,
};

/// What `deletePersonalContact` is about.
#[derive(InputObject)]
struct DeletePersonalContactInput {
    /// The contact's id.
    id: ID,
}

#[derive(Default)]
pub struct PersonalMutation;

#[Object]
impl PersonalMutation {
    /// Makes a contact in the viewer's address book, or changes the one with the id. An address book holds at most 10,000.
    /// Refused with INVALID, NOT_FOUND, DUPLICATE or, when the book is full, NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn save_personal_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write.")] input: SavePersonalContactInput,
    ) -> Result<SavePersonalContactPayload> {
        Ok(match settle(book::save(ctx.app()?, ctx.viewer()?, &input).await)? {
            Ok(saved) => SavePersonalContactPayload {
                contact: Some(saved.contact.into()),
                outcome: Outcome::of(saved.changed),
                user_errors: vec![],
            },
            Err(user_errors) => SavePersonalContactPayload { contact: None, outcome: Outcome::Refused, user_errors },
        })
    }

    /// Removes a contact from the viewer's address book. Refused with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn delete_personal_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which contact.")] input: DeletePersonalContactInput,
    ) -> Result<DeletePersonalContactPayload> {
        Ok(match settle(book::delete(ctx.app()?, ctx.viewer()?, &input.id).await)? {
            Ok(id) => DeletePersonalContactPayload { deleted_id: Some(id.into()), user_errors: vec![] },
            Err(user_errors) => DeletePersonalContactPayload { deleted_id: None, user_errors },
        })
    }
}

/// The answer to `savePersonalContact`.
#[derive(SimpleObject)]
struct SavePersonalContactPayload {
    /// The contact as it is now; null when refused.
    contact: Option<PersonalContact>,
    /// What the call did.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `deletePersonalContact`.
#[derive(SimpleObject)]
struct DeletePersonalContactPayload {
    /// The id of the contact that is gone; null when refused.
    deleted_id: Option<ID>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
