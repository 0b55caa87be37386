//! `vCard`.

use async_graphql::{Context, ID, Object};

use super::types::{VCardVersion, VCards};
use crate::vcard_transfer::export::{Export, VCardOptions};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
};

#[derive(Default)]
pub struct CardsQuery;

#[Object]
impl CardsQuery {
    /// The vCards of people and of the viewer's personal contacts, each with what the viewer may see now. `/contacts.vcf`
    /// has the same as a file.
    #[graphql(name = "vCard", guard = "Needs(Scope::ContactsRead)")]
    async fn vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Whose, 1 to 1,000 ids; one that is named twice counts once. Ids of personal contacts are taken too."
        )]
        user_ids: Vec<ID>,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
        #[graphql(default = false, desc = "Whether what the viewer wrote about people goes into their cards.")]
        notes: bool,
    ) -> Result<VCards> {
        let ids: Vec<String> = user_ids.into_iter().map(|id| id.0).collect();
        let style = VCardOptions { version: version.into(), notes };
        Ok(Export::of(ctx.app()?, ctx.caller()?, ctx.origin()?, &ids, style).await?.into())
    }
}
