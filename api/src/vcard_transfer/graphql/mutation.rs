//! `importVCard`.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::types::VCardImportResult;
use crate::vcard_transfer::import;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::{Result, UserError, into_user_errors},
};

/// What `importVCard` is about.
#[derive(InputObject)]
struct ImportVCardInput {
    /// A file of vCards of any version, at most 5,000 cards. For more than a request may hold, POST the file to
    /// `/contacts.vcf`.
    #[graphql(name = "vCard")]
    card: String,
}

#[derive(Default)]
pub struct CardsMutation;

#[Object]
impl CardsMutation {
    /// Brings vCards into the viewer's address book, each for itself: a refused card does not stop the others. A card with
    /// the UID of one that came in before changes that contact. Importing the same file again changes nothing. Costs ten
    /// for each card. Refused with INVALID when there are too many cards.
    #[graphql(name = "importVCard", guard = "Needs(Scope::ContactsWrite)")]
    async fn import_vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to bring in.")] input: ImportVCardInput,
    ) -> Result<ImportVCardPayload> {
        let imported = import::import(ctx.app()?, ctx.viewer()?, input.card.into_bytes(), None).await;
        Ok(match into_user_errors(imported)? {
            Ok(outcomes) => ImportVCardPayload { results: VCardImportResult::all(outcomes), user_errors: vec![] },
            Err(user_errors) => ImportVCardPayload { results: vec![], user_errors },
        })
    }
}

/// The answer to `importVCard`.
#[derive(SimpleObject)]
struct ImportVCardPayload {
    /// What became of each card, in the order of the file. Empty when the whole call was refused.
    results: Vec<VCardImportResult>,
    /// Why the whole call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}
