//! Where a request comes from: the peer of the connection, or what the proxies before the server say of it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::http::{HeaderMap, header, request::Parts};

use super::listener::Place;
use crate::{app::App, auth::context::Origin};

/// The peer of a connection, as its requests carry it. A socket that was opened by one keeps the connection's place.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// Given back when the last who holds it lets go.
    pub place: Arc<Place>,
}

/// Address and name of the client.
pub fn origin(app: &App, parts: &Parts) -> Origin {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(Arc::from);
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
    Origin { address: forwarded(&parts.headers, app.config.connections.proxies).or(peer), agent }
}

/// The address that the outermost of our own proxies saw. What stands before it a client may have made up.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let listed = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = listed.flat_map(|value| value.split(',')).map(str::trim).collect();
    let hop = hops.len().checked_sub(proxies).filter(|_| proxies > 0).and_then(|at| hops.get(at))?;
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::forwarded;

    #[test]
    fn only_what_our_own_proxies_added_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 203.0.113.9"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.0.0.2:4711"));
        let seen = |proxies| forwarded(&headers, proxies).map(|address| address.to_string());
        assert_eq!(seen(0), None);
        assert_eq!(seen(1).as_deref(), Some("10.0.0.2"));
        assert_eq!(seen(2).as_deref(), Some("203.0.113.9"));
        assert_eq!(seen(4), None);
        assert_eq!(forwarded(&HeaderMap::new(), 1), None);
    }
}
