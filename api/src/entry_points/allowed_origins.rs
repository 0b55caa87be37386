//! The web sites that may start a chat at an entry point. For a page of any other site, the entry point does not
//! exist.

use std::collections::HashSet;

use entity::{channel::Channel, entry_point, id::EntryPointId};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::entry_point_rows;
use crate::{
    app::{SharedLock, Tx},
    auth::request_context::Site,
    error::Result,
};

/// Returns an entry point by its id, if a chat can be started there from this site.
pub async fn find(db: &impl ConnectionTrait, id: &str, site: Option<&Site>) -> Result<Option<entry_point::Model>> {
    let Some(id) = EntryPointId::parse(id) else { return Ok(None) };
    let found = entry_point_rows::find(db, id).await?;
    Ok(found.filter(|row| is_allowed(row, site)))
}

/// Locks an entry point in shared mode, and returns it if a chat can be started there from this site. No administrator
/// takes the site away until the transaction ends.
pub async fn lock(
    tx: &Tx<'_>,
    id: EntryPointId,
    site: Option<&Site>,
) -> Result<Option<SharedLock<entry_point::Model>>> {
    let found = entry_point_rows::lock(tx, id).await?;
    Ok(found.filter(|row| row.archived_at.is_none() && is_allowed(row, site)))
}

/// Returns true if a chat may be started at an entry point from a site. The site must be listed, with the same scheme,
/// host and port, or be the server's own. Programs have no site and are allowed, because a site that they claim would
/// prove nothing.
#[must_use]
pub fn is_allowed(entry_point: &entry_point::Model, site: Option<&Site>) -> bool {
    let listed = |site: &Site| origins(entry_point).any(|origin| *origin == *site.origin);
    entry_point.channel == Channel::Webchat && site.is_none_or(|site| site.own || listed(site))
}

/// Returns the web sites of all entry points at which chats can be started.
pub async fn all(db: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    let open = entry_point::Entity::find()
        .filter(entry_point::Column::Channel.eq(Channel::Webchat))
        .filter(entry_point::Column::ArchivedAt.is_null());
    Ok(open.all(db).await?.iter().flat_map(origins).collect())
}

/// Returns the web sites whose pages may show the chat in a frame. A site that is not written as an origin is left
/// out, because a browser's policy could read it as more than that site.
pub fn framing(entry_point: &entry_point::Model) -> impl Iterator<Item = String> + '_ {
    origins(entry_point).filter(|origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    })
}

/// Returns the sites that an entry point had before and has no longer.
#[must_use]
pub fn removed_origins(before: &entry_point::Model, after: &entry_point::Model) -> Vec<String> {
    let left: HashSet<String> = origins(after).collect();
    origins(before).filter(|origin| !left.contains(origin)).collect()
}

/// Returns the listed sites as browsers write them. The origin `null`, which browsers send for pages without a site,
/// never matches.
fn origins(entry_point: &entry_point::Model) -> impl Iterator<Item = String> + '_ {
    let listed = entry_point.origins.0.iter().map(|origin| origin.trim_end_matches('/').to_lowercase());
    listed.filter(|origin| origin.contains("://"))
}
