//! `auditEntries`.

use async_graphql::{Context, ID, Object};
use entity::{
    id::{ApiKeyId, UserId},
    user::Role,
};

use super::{entries::Entries, types::AuditEntryConnection};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result},
    page::{ByAge, Page, PageArguments},
    users::people,
};

#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What administrators and keys of the organisation did, newest first. For administrators. Reading it is not written
    /// down.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what this person did.")] user_id: Option<ID>,
        #[graphql(desc = "Only deeds of this name, such as `suspendUser`.")] action: Option<String>,
        #[graphql(desc = "Only what was done to the person or the key with this id.")] target: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same list and filter.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same list and filter.")] before: Option<String>,
    ) -> Result<AuditEntryConnection> {
        let (app, viewer) = (ctx.app()?, ctx.viewer()?);
        if people::role(app.db.read(), viewer.user).await? != Some(Role::Admin) {
            return Err(Error::Forbidden(Scope::Admin.name()));
        }
        let user =
            user_id.map(|id| UserId::parse(&id).ok_or_else(|| Error::invalid("userId", "This is no id of a person.")));
        let known = |id: &ID| UserId::parse(id).is_some() || ApiKeyId::parse(id).is_some();
        if target.as_ref().is_some_and(|target| !known(target)) {
            return Err(Error::invalid("target", "This is no id of a person or a key."));
        }
        if action.as_ref().is_some_and(|action| !action.chars().all(|c| c.is_ascii_alphanumeric())) {
            return Err(Error::invalid("action", "An action is named by letters and digits."));
        }
        let entries = Entries { user: user.transpose()?, action, target: target.map(|id| id.to_string()) };
        let page = Page::<ByAge>::new(PageArguments { first, after, last, before }, &entries.fingerprint())?;
        Ok(AuditEntryConnection(entries.page(app.db.read(), &page).await?))
    }
}
