//! The origin of a request: the peer of its connection, or the client that the trusted proxies report.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};

use super::connection_slots::ConnectionPermit;
use crate::{
    app::App,
    auth::request_context::{Origin, Site},
};

/// The peer of a connection. Each of its requests carries it, and a socket keeps it and with it the slot of the
/// connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address and port of the peer.
    pub address: SocketAddr,
    /// The slot of the connection, which is freed when the last clone is dropped.
    pub place: Arc<ConnectionPermit>,
}

/// Returns the address, the user agent and the web site of the client.
pub fn origin(app: &App, parts: &Parts) -> Origin {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(Arc::from);
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
    Origin {
        address: forwarded(&parts.headers, app.config.connections.proxies).or(peer.map(|ip| ip.to_canonical())),
        agent,
        site: site(&parts.headers),
    }
}

/// Returns the web site whose page calls. Programs send none. An unreadable value becomes a site that no list
/// contains.
pub fn site(headers: &HeaderMap) -> Option<Site> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("null").to_lowercase();
    let mut named = headers.get_all(header::ORIGIN).iter();
    let origin = text(named.next()?);
    let origin = if named.next().is_some() { "null".to_owned() } else { origin };
    let host = headers.get(header::HOST).map(text);
    let own = origin
        .split_once("://")
        .zip(host)
        .is_some_and(|((scheme, of), host)| authority(scheme, of) == authority(scheme, &host));
    Some(Site { origin: origin.into(), own })
}

/// Removes a port that is empty or the default of the scheme (RFC 9110, section 4.2.3).
fn authority<'a>(scheme: &str, text: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    text.strip_suffix(port).or_else(|| text.strip_suffix(':')).unwrap_or(text)
}

/// Returns the address that the outermost trusted proxy saw. A client may have made up the addresses before it.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let listed = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = listed.flat_map(|value| value.split(',')).map(str::trim).collect();
    let hop = hops.len().checked_sub(proxies).filter(|_| proxies > 0).and_then(|at| hops.get(at))?;
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address: IpAddr = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{forwarded, site};

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

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (written, seen) in [
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("::ffff:203.0.113.9", Some("203.0.113.9")),
            ("203.0.113.9:80", Some("203.0.113.9")),
            ("unknown", None),
        ] {
            let headers =
                HeaderMap::from_iter([("x-forwarded-for".parse().expect("a name"), HeaderValue::from_static(written))]);
            assert_eq!(forwarded(&headers, 1).map(|address| address.to_string()).as_deref(), seen, "{written}");
        }
    }

    #[test]
    fn a_site_is_of_the_same_host_or_another_and_nonsense_is_nobodys() {
        let seen = |origins: &[&'static [u8]]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("API.example:8080"));
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_bytes(origin).unwrap_or(HeaderValue::from_static("")));
            }
            site(&headers).map(|site| (site.origin.to_string(), site.own))
        };
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[b"https://Api.Example:8080"]), Some(("https://api.example:8080".to_owned(), true)));
        for (host, origin, own) in [
            ("a.example:80", "http://a.example", true),
            ("a.example:443", "https://a.example", true),
            ("a.example:", "https://a.example", true),
            ("a.example", "https://a.example:443", true),
            ("[::1]:80", "http://[::1]", true),
            ("a.example:80", "https://a.example", false),
            ("a.example:8443", "https://a.example", false),
        ] {
            let headers = HeaderMap::from_iter([
                (header::HOST, HeaderValue::from_static(host)),
                (header::ORIGIN, HeaderValue::from_static(origin)),
            ]);
            assert_eq!(site(&headers).map(|site| site.own), Some(own), "{host} {origin}");
        }
        assert_eq!(seen(&[b"https://api.example"]), Some(("https://api.example".to_owned(), false)));
        for odd in [&[b"\xff".as_slice()][..], &[b"https://a", b"https://b"], &[b"null"]] {
            assert_eq!(seen(odd), Some(("null".to_owned(), false)));
        }
    }
}
