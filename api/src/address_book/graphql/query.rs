//! The query `personalContact`. It finds only contacts of the viewer's own address book.

use async_graphql::{Context, ID, Object};
use entity::id::PersonalContactId;

use super::types::PersonalContact;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
};

/// Root query of the viewer's address book.
#[derive(Default)]
pub struct PersonalQuery;

#[Object]
impl PersonalQuery {
    /// Finds a contact of the viewer's address book. Null when the address book has no such contact.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn personal_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact's id.")] id: ID,
    ) -> Option<Result<PersonalContact>> {
        if let Err(fault) = ctx.viewer() {
            return Some(Err(fault));
        }
        PersonalContact::find(ctx, PersonalContactId::parse(&id)?).await.transpose()
    }
}
