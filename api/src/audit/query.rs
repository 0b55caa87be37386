//! `auditEntries`.

use async_graphql::{Context, ID, Object};
use entity::{
    id::{
        AgentId, ApiKeyId, EntryPointId, IdleReasonId, MultimediaProfileId, QueueId, SkillId, UserId, WrapUpReasonId,
    },
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
        #[graphql(desc = "Only what was done to the person, the key or the part of the floor with this id.")]
        target: Option<ID>,
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
        if target.as_ref().is_some_and(|target| !may_be_target(target)) {
            return Err(Error::invalid("target", "This is no id of anything that administrators change."));
        }
        if action.as_ref().is_some_and(|action| !action.chars().all(|c| c.is_ascii_alphanumeric())) {
            return Err(Error::invalid("action", "An action is named by letters and digits."));
        }
        let entries = Entries { user: user.transpose()?, action, target: target.map(|id| id.to_string()) };
        let page = Page::<ByAge>::new(PageArguments { first, after, last, before }, &entries.fingerprint())?;
        Ok(AuditEntryConnection(entries.page(app.db.read(), &page).await?))
    }
}

/// Whether an id is of a kind that entries are about.
fn may_be_target(id: &str) -> bool {
    UserId::parse(id).is_some()
        || ApiKeyId::parse(id).is_some()
        || AgentId::parse(id).is_some()
        || QueueId::parse(id).is_some()
        || EntryPointId::parse(id).is_some()
        || SkillId::parse(id).is_some()
        || MultimediaProfileId::parse(id).is_some()
        || IdleReasonId::parse(id).is_some()
        || WrapUpReasonId::parse(id).is_some()
}
