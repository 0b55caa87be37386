//! The query `trustedDocuments`, for administrators only.

use async_graphql::{Context, Object};

use super::types::TrustedDocumentConnection;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    error::Result,
    pagination::{ByAge, Page, PageArguments},
    trusted_documents::documents,
    users::people,
};

/// The root fields of trusted documents.
#[derive(Default)]
pub struct TrustedDocumentsQuery;

#[Object]
impl TrustedDocumentsQuery {
    /// The documents that administrators have registered, newest first. Only administrators can use it.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn trusted_documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of documents from the start, 0 to 100; 20 without `first` and `last`.")]
        first: Option<i32>,
        #[graphql(desc = "The page begins after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of documents from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The page ends before this cursor.")] before: Option<String>,
    ) -> Result<TrustedDocumentConnection> {
        let app = ctx.app()?;
        people::check_admin(app.db.read(), ctx.viewer()?).await?;
        let page = Page::<ByAge>::new(PageArguments { first, after, last, before }, "trusted documents")?;
        Ok(TrustedDocumentConnection(documents::page(app.db.read(), &page).await?))
    }
}
