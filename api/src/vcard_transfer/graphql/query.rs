//! The query `vCard`.

use async_graphql::{Context, ID, Object};

use super::types::{VCardVersion, VCards};
use crate::vcard_transfer::export::{Export, VCardOptions};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
};

/// Root queries of vCards.
#[derive(Default)]
pub struct CardsQuery;

#[Object]
impl CardsQuery {
    /// The vCards of people and of the viewer's personal contacts. Each card has the details that the viewer can see
    /// now. `/contacts.vcf` returns the same cards as a file. Fails with BAD_USER_INPUT when the list of ids is empty
    /// or too long, or when the cards exceed 16 MiB.
    #[graphql(name = "vCard", guard = "Needs(Scope::ContactsRead)")]
    async fn vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The ids of users and of the viewer's personal contacts, 1 to 1,000. Repeated ids count once."
        )]
        user_ids: Vec<ID>,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version of the cards.")] version: VCardVersion,
        #[graphql(default = false, desc = "True to include the viewer's notes about people.")] notes: bool,
    ) -> Result<VCards> {
        let ids: Vec<String> = user_ids.into_iter().map(|id| id.0).collect();
        let style = VCardOptions { version: version.into(), notes };
        Ok(Export::of(ctx.app()?, ctx.caller()?, ctx.origin()?, &ids, style).await?.into())
    }
}
