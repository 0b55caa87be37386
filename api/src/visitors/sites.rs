//! Which web sites may begin a chat at an entry point. To a page of any other the entry point does not exist.

use std::collections::HashSet;

use entity::{channel::Channel, entry_point, id::EntryPointId};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::{agents::queues, auth::context::Site, error::Result};

/// The entry point that an id names, if chats can be begun there and from this site.
pub async fn find(db: &impl ConnectionTrait, id: &str, site: Option<&Site>) -> Result<Option<entry_point::Model>> {
    let Some(id) = EntryPointId::parse(id) else { return Ok(None) };
    let found = queues::entry_point(db, id).await?;
    Ok(found.filter(|row| row.channel == Channel::Webchat && admits(row, site)))
}

/// Whether a chat may be begun from a site: one that is listed, scheme, host and port alike, or our own. Programs are of no
/// site; what they could claim tells nothing.
#[must_use]
pub fn admits(entry_point: &entry_point::Model, site: Option<&Site>) -> bool {
    let listed = |site: &Site| origins(entry_point).any(|origin| *origin == *site.origin);
    site.is_none_or(|site| site.own || listed(site))
}

/// The web sites of all entry points at which chats can be begun.
pub async fn all(db: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    let open = entry_point::Entity::find()
        .filter(entry_point::Column::Channel.eq(Channel::Webchat))
        .filter(entry_point::Column::ArchivedAt.is_null());
    Ok(open.all(db).await?.iter().flat_map(origins).collect())
}

/// The web sites whose pages may show the chat in a frame. One that is not written as an origin is left out: in a browser's
/// policy it could mean more than it says.
pub fn framing(entry_point: &entry_point::Model) -> impl Iterator<Item = String> + '_ {
    origins(entry_point).filter(|origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    })
}

/// The sites that an entry point had and has no longer.
#[must_use]
pub fn taken_away(before: &entry_point::Model, after: &entry_point::Model) -> Vec<String> {
    let left: HashSet<String> = origins(after).collect();
    origins(before).filter(|origin| !left.contains(origin)).collect()
}

/// As browsers write them. `null`, which a browser says for pages of nowhere, is nobody's.
fn origins(entry_point: &entry_point::Model) -> impl Iterator<Item = String> + '_ {
    let listed = entry_point.origins.0.iter().map(|origin| origin.trim_end_matches('/').to_lowercase());
    listed.filter(|origin| origin.contains("://"))
}
