//! The host that a request names. A request without a valid host is refused (RFC 9112, section 3.2), because the host
//! decides which origin is the server's own.

use std::net::Ipv6Addr;

use axum::http::{HeaderValue, Request, Version, header};

/// Checks that a request names its host as its HTTP version demands. A target in absolute form overrides `Host`, and
/// the header is set to it, so that the rest of the server sees one host.
pub fn resolve_host<B>(request: &mut Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err("The request must have only one Host header.");
    }
    match first {
        None if request.version() <= Version::HTTP_10 => {}
        None => return Err("The request must have a Host header."),
        Some(host) if is_valid(host.as_bytes()) => {}
        Some(_) => return Err("The Host header is not valid."),
    }
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    if !is_valid(authority.as_str().as_bytes()) {
        return Err("The target's host is not valid.");
    }
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| "The target's host is not valid.")?;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

/// Checks for `uri-host [ ":" port ]` with a host that is not empty (RFC 3986, section 3.2.2).
fn is_valid(host: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(host) else { return false };
    if let Some(literal) = text.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else { return false };
        return (address.parse::<Ipv6Addr>().is_ok() || is_future(address)) && is_port(port);
    }
    let (name, port) = text.split_once(':').map_or((text, ""), |(name, _)| (name, &text[name.len()..]));
    !name.is_empty() && is_name(name.as_bytes()) && is_port(port)
}

/// Checks for a `reg-name`: unreserved characters, sub-delimiters, and bytes in hexadecimal.
fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (b'%', _) => return false,
            (byte, _) if is_plain(*byte) => after,
            _ => return false,
        };
    }
    true
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Checks for an address of a future version of IP.
fn is_future(address: &str) -> bool {
    let Some(rest) = address.strip_prefix(['v', 'V']) else { return false };
    let Some((version, rest)) = rest.split_once('.') else { return false };
    let hexadecimal = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal && !rest.is_empty() && rest.bytes().all(|byte| is_plain(byte) || byte == b':')
}

/// Checks for an empty text, or a colon and digits.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request, Version, header};

    use super::{is_valid, resolve_host};

    #[test]
    fn a_host_has_the_form_of_one() {
        for good in [
            "example.org",
            "EXAMPLE.org:8080",
            "localhost",
            "127.0.0.1:1",
            "[::1]",
            "[2001:db8::1]:443",
            "a_b.example",
            "xn--bcher-kva.example",
            "example.org.",
            "example.org:",
            "b%C3%BCcher.example",
            "[v1.fe80:x]",
            "~a!b",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "user@host",
            "a:b",
            "a:80:80",
            ":80",
            "[::1",
            "::1",
            "[::1]x",
            "[]",
            "[fe80::1%25eth0]",
            "a%",
            "a%2",
            "a%gg",
            "a\"b",
            "<a>",
            "a,b c",
            "bücher.example",
            "http://example.org",
            "[v.x]",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_an_absolute_target_wins() -> anyhow::Result<()> {
        let with = |version: Version, target: &str, hosts: &[&'static str]| {
            let mut request = Request::builder().version(version).uri(target).body(())?;
            for host in hosts {
                request.headers_mut().append(header::HOST, HeaderValue::from_static(host));
            }
            let settled = resolve_host(&mut request).is_ok();
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
            anyhow::Ok((settled, host))
        };
        assert_eq!(with(Version::HTTP_11, "/", &["a"])?, (true, Some("a".to_owned())));
        assert!(!with(Version::HTTP_11, "/", &[])?.0);
        assert!(!with(Version::HTTP_11, "/", &["a", "a"])?.0);
        assert!(!with(Version::HTTP_11, "http://a/", &[])?.0);
        assert!(with(Version::HTTP_10, "/", &[])?.0);
        assert!(!with(Version::HTTP_10, "/", &["a b"])?.0);
        assert_eq!(with(Version::HTTP_11, "http://a:1/x", &["b"])?, (true, Some("a:1".to_owned())));
        assert!(!with(Version::HTTP_11, "http://u@a/x", &["b"])?.0);
        Ok(())
    }
}
