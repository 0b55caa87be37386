//! The mutation `importVCard`.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::types::VCardImportResult;
use crate::vcard_transfer::import;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
    pagination::list_size,
};

/// The file that `importVCard` imports.
#[derive(InputObject)]
struct ImportVCardInput {
    /// A file of vCards, at most 5,000 cards. Each card may have the version 2.1, 3.0 or 4.0. Files that are too large
    /// for a request can be sent with POST to `/contacts.vcf`.
    #[graphql(name = "vCard")]
    card: String,
}

/// Root mutations of vCards.
#[derive(Default)]
pub struct CardsMutation;

#[Object]
impl CardsMutation {
    /// Imports vCards into the viewer's address book. Each card has its own result, so a refused card does not stop the
    /// others. A card with the UID of an earlier imported card changes that contact. Importing a file again changes
    /// nothing. Costs 10 for each card. Refuses with INVALID when the file has more than 5,000 cards.
    #[graphql(name = "importVCard", guard = "Needs(Scope::ContactsWrite)")]
    async fn import_vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file to import.")] input: ImportVCardInput,
    ) -> Result<ImportVCardPayload> {
        let imported = import::import(ctx.app()?, ctx.viewer()?, input.card.into_bytes(), None).await;
        let (cards, effect) = Effect::split(imported.map(|cards| {
            let outcome = import::outcome_of(&cards);
            (cards, outcome)
        }))?;
        Ok(ImportVCardPayload { results: cards.map(VCardImportResult::all).unwrap_or_default(), effect })
    }
}

/// The result of `importVCard`. The outcome is APPLIED if the call created or changed a contact.
#[derive(SimpleObject)]
struct ImportVCardPayload {
    /// The result of each card, in the order of the file. Empty when the whole call was refused.
    #[graphql(directive = list_size::apply(20))]
    results: Vec<VCardImportResult>,
    /// The effect of the whole call.
    #[graphql(flatten)]
    effect: Effect,
}
