//! The mutations of administrators for trusted documents.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::types::TrustedDocument;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    contact_center::graphql::payloads::admin_actor,
    error::{Error, Result},
    events::graphql::effect::Effect,
    pagination::list_size,
    trusted_documents::{
        document_id,
        documents::{self, DocumentCheck},
    },
};

/// The documents to register.
#[derive(InputObject)]
struct AddTrustedDocumentsInput {
    /// The texts of 1 to 100 documents. Each is valid for the schema, and within the limits of length, tokens and
    /// brackets. Aliases, fragments, depth and cost are checked at each call. A text may have several operations. A
    /// client must send the same text, letter by letter, or its id.
    documents: Vec<String>,
}

/// The document to remove.
#[derive(InputObject)]
struct RemoveTrustedDocumentInput {
    /// The id of the document, `sha256:…`.
    document_id: String,
}

/// The mutations of trusted documents.
#[derive(Default)]
pub struct TrustedDocumentsMutation;

#[Object]
impl TrustedDocumentsMutation {
    /// Registers documents, all of them or none. Clients send their ids in place of the texts, and keys with
    /// `trustedDocumentsOnly` run nothing else. Only administrators can call it. A document that is registered already
    /// changes nothing. Refuses with REQUIRED, OUT_OF_RANGE, INVALID with the position of a document that the server
    /// could not run, and LIMIT_REACHED when there would be more than 10,000.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn add_trusted_documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The documents to register.")] input: AddTrustedDocumentsInput,
    ) -> Result<AddTrustedDocumentsPayload> {
        let missing = |_| Error::internal(anyhow::anyhow!("documents cannot be checked"));
        let check = ctx.data::<DocumentCheck>().map_err(missing)?;
        let added = documents::add(ctx.app()?, admin_actor(ctx)?, &input.documents, check).await;
        let (rows, effect) = Effect::split(added)?;
        let documents = rows.map(|rows| rows.into_iter().map(TrustedDocument).collect());
        Ok(AddTrustedDocumentsPayload { documents, effect })
    }

    /// Removes a document. Within a minute no instance runs it by its id or for a key with `trustedDocumentsOnly`. Only
    /// administrators can call it. A repeated call changes nothing. Refuses with INVALID for a text that is no id.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn remove_trusted_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document to remove.")] input: RemoveTrustedDocumentInput,
    ) -> Result<RemoveTrustedDocumentPayload> {
        let removed = documents::remove(ctx.app()?, admin_actor(ctx)?, &input.document_id).await;
        let (digest, effect) = Effect::split(removed)?;
        Ok(RemoveTrustedDocumentPayload { document_id: digest.map(|digest| document_id::of(&digest)), effect })
    }
}

/// The result of `addTrustedDocuments`.
#[derive(SimpleObject)]
struct AddTrustedDocumentsPayload {
    /// The documents in the order of the input. Null when the call was refused.
    #[graphql(directive = list_size::apply(20))]
    documents: Option<Vec<TrustedDocument>>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `removeTrustedDocument`.
#[derive(SimpleObject)]
struct RemoveTrustedDocumentPayload {
    /// The id of the document. Null when the call was refused.
    document_id: Option<String>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
