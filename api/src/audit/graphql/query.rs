//! The query `auditEntries`: reads the audit log, for administrators only.

use async_graphql::{Context, ID, Object};
use entity::id::{
    AgentId, ApiKeyId, EntryPointId, IdleReasonId, MultimediaProfileId, QueueId, SkillId, TemplateId, UserId,
    WrapUpReasonId,
};

use super::types::AuditEntryConnection;
use crate::audit::entries::Entries;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::{Error, Result},
    pagination::{ByAge, Page, PageArguments},
    users::people,
};

/// The root fields of the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Returns the actions of administrators and organization keys, newest first. Only administrators can use it.
    /// Reading the list writes no entry.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person whose actions are listed.")] user_id: Option<ID>,
        #[graphql(desc = "The name of the listed actions, such as `suspendUser`.")] action: Option<String>,
        #[graphql(desc = "The person, key or part of the contact center configuration whose entries are listed.")]
        target: Option<ID>,
        #[graphql(desc = "The number of entries from the start, 0 to 100; 20 without `first` and `last`.")]
        first: Option<i32>,
        #[graphql(desc = "The page begins after this cursor of the same list and filter.")] after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The page ends before this cursor of the same list and filter.")] before: Option<String>,
    ) -> Result<AuditEntryConnection> {
        let app = ctx.app()?;
        people::check_admin(app.db.read(), ctx.viewer()?).await?;
        let user =
            user_id.map(|id| UserId::parse(&id).ok_or_else(|| Error::invalid("userId", "This is not a user id.")));
        if target.as_ref().is_some_and(|target| !may_be_target(target)) {
            return Err(Error::invalid("target", "This is not the id of an object that administrators change."));
        }
        if action.as_ref().is_some_and(|action| !action.chars().all(|c| c.is_ascii_alphanumeric())) {
            return Err(Error::invalid("action", "The name of an action contains only letters and digits."));
        }
        let entries = Entries { user: user.transpose()?, action, target: target.map(|id| id.to_string()) };
        let page = Page::<ByAge>::new(PageArguments { first, after, last, before }, &entries.fingerprint())?;
        let slice = entries.page(app.db.read(), &page).await?;
        Ok(AuditEntryConnection { slice, entries })
    }
}

/// Returns true when the id is of a kind that audit entries have as their target.
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
        || TemplateId::parse(id).is_some()
        || id.starts_with("sha256:")
}
