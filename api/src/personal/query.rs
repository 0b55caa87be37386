//! `personalContact`.

use async_graphql::{Context, ID, Object};
use entity::id::PersonalContactId;

use super::types::PersonalContact;
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
};

#[derive(Default)]
pub struct PersonalQuery;

#[Object]
impl PersonalQuery {
    /// A contact of the viewer's address book. Null when there is no such contact in it.
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
