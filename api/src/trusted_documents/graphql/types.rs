//! Trusted documents in the API: the documents and their pages.

use async_graphql::{Context, Object, SimpleObject};
use entity::trusted_document;

use crate::{
    auth::request_context::ContextExt as _,
    error::Result,
    instant::Instant,
    memory_budget::LongText,
    pagination::{ByAge, PageInfo, PageSlice},
    trusted_documents::{document_id, documents},
};

/// A GraphQL document that an administrator has registered. A client sends `documentId` in place of the text.
pub struct TrustedDocument(pub trusted_document::Model);

/// A GraphQL document that an administrator has registered. A client sends `documentId` in place of the text.
#[Object]
impl TrustedDocument {
    /// The id of the document: `sha256:` and the SHA-256 of `body` in UTF-8, as 64 hexadecimal digits.
    async fn document_id(&self) -> String {
        document_id::of(&self.0.digest)
    }

    /// The text of the document, letter by letter as it was registered.
    async fn body(&self) -> LongText<&str> {
        LongText(&self.0.body)
    }

    /// The time of the registration.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }
}

/// A page of trusted documents, newest first.
pub struct TrustedDocumentConnection(pub PageSlice<trusted_document::Model>);

/// A page of trusted documents, newest first.
#[Object]
impl TrustedDocumentConnection {
    /// The documents with their cursors.
    async fn edges(&self) -> Vec<TrustedDocumentEdge> {
        let edge = |row: &trusted_document::Model| TrustedDocumentEdge {
            cursor: self.0.cursor(&ByAge(row.id.0)),
            node: TrustedDocument(row.clone()),
        };
        self.0.items.iter().map(edge).collect()
    }

    /// The documents of this page.
    async fn nodes(&self) -> Vec<TrustedDocument> {
        self.0.items.iter().cloned().map(TrustedDocument).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.0.info(|row| ByAge(row.id.0))
    }

    /// The number of all trusted documents.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        Ok(documents::count(ctx.app()?.db.read()).await?)
    }
}

/// A trusted document in a page.
#[derive(SimpleObject)]
pub struct TrustedDocumentEdge {
    /// The position in the list.
    cursor: String,
    /// The document itself.
    node: TrustedDocument,
}
