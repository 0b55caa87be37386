//! Signed links: paths that a browser or a phone can open without a header. A link reads one path for a short time with
//! the rights of its holder, and ends with them.

use std::collections::BTreeMap;

use axum::http::Uri;
use chrono::{DateTime, Duration};
use entity::id::{ApiKeyId, UserId, VisitorTokenId};

use super::{
    api_keys,
    jwt::{self, Link},
    viewer::{Caller, Credential, Scope, Scopes, Viewer},
    visitor_tokens,
};
use crate::{
    app::App,
    error::{Error, Result},
};

/// The query parameter of a link's ticket.
const TICKET: &str = "ticket";
/// The shortest and the longest time for which a link works, in seconds.
pub const LIFETIME: std::ops::RangeInclusive<i32> = 10..=3_600;

/// Returns `path` with a ticket for a caller. `path` may have parameters. Refuses a lifetime out of bounds.
pub fn sign(app: &App, caller: &Caller, path: &str, seconds: i32) -> Result<String> {
    if !LIFETIME.contains(&seconds) {
        let (least, most) = (LIFETIME.start(), LIFETIME.end());
        return Err(Error::invalid("expiresInSeconds", format!("{least} to {most} seconds.")));
    }
    let now = app.clock.now();
    let end = (now + Duration::seconds(seconds.into())).min(caller.expires_at());
    let (holder, session) = match caller {
        Caller::Person(viewer) => match viewer.proof {
            Credential::Session(session) => (viewer.user.to_string(), Some(session)),
            Credential::Token => (viewer.user.to_string(), None),
            Credential::Key(key) => (key.to_string(), None),
        },
        Caller::Service(service) => (service.key.to_string(), None),
        Caller::Visitor(visitor) => (visitor.token.to_string(), None),
    };
    let expires_at = DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(now);
    let ticket = jwt::issue_link(app, &Link { holder, session, path: canonical(path), expires_at })?;
    let separator = if path.contains('?') { '&' } else { '?' };
    Ok(format!("{path}{separator}{TICKET}={ticket}"))
}

/// Returns the path of a request without its ticket, and the ticket, if it has one.
#[must_use]
pub fn split(uri: &Uri) -> Option<(String, String)> {
    let ticket = pairs(uri.query().unwrap_or_default()).find(|(name, _)| *name == TICKET)?.1.to_owned();
    let rest: Vec<String> = pairs(uri.query().unwrap_or_default())
        .filter(|(name, _)| *name != TICKET)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let path = if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    Some((path, ticket))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// Returns a path with its parameters in the order of their names, so that a client may reorder them.
fn canonical(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let pairs: BTreeMap<&str, &str> = pairs(query).collect();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// Returns the caller of a link that reads `path`, with one scope and no other. Refuses with UNAUTHENTICATED when the
/// link is of another path or has expired, and when its holder has lost the key or the visitor token. The caller checks
/// sessions and accounts.
pub async fn redeem(app: &App, ticket: &str, path: &str, scope: Scope) -> Result<Caller> {
    let link = jwt::read_link(app, ticket)?;
    if link.path != canonical(path) {
        return Err(Error::Unauthenticated);
    }
    if let Some(key) = ApiKeyId::parse(&link.holder) {
        return api_keys::holder(app, key, link.expires_at).await;
    }
    if let Some(token) = VisitorTokenId::parse(&link.holder) {
        return visitor_tokens::holder(app, token, link.expires_at).await;
    }
    let user = UserId::parse(&link.holder).ok_or(Error::Unauthenticated)?;
    let proof = link.session.map_or(Credential::Token, Credential::Session);
    let scopes: Scopes = [scope].into_iter().collect();
    let expires_at = link.expires_at;
    Ok(Caller::Person(Viewer { user, scopes, expires_at, proof, trusted_documents_only: false }))
}

#[cfg(test)]
mod tests {
    use super::{canonical, split};

    #[test]
    fn the_order_of_parameters_does_not_matter_and_the_ticket_is_no_part_of_the_path() {
        assert_eq!(canonical("/a?z=1&b=2"), canonical("/a?b=2&z=1"));
        let uri = "/a.vcf?version=4.0&ticket=x.y.z&b=2".parse().expect("a path");
        assert_eq!(split(&uri), Some(("/a.vcf?version=4.0&b=2".to_owned(), "x.y.z".to_owned())));
        assert_eq!(split(&"/a?ticket=x".parse().expect("a path")), Some(("/a".to_owned(), "x".to_owned())));
        assert_eq!(split(&"/a?b=2".parse().expect("a path")), None);
    }
}
