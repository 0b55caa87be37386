//! Web addresses. They are checked by the parser that browsers use and by the characters that RFC 3986 allows.

use reqwest::Url;

/// Characters that no address contains unescaped. They would end an attribute or a tag around the address.
const NEVER: [char; 5] = ['"', '<', '>', '\\', '`'];
/// The longest label and the longest name of a host, in characters (RFC 1035).
const LONGEST_LABEL: usize = 63;
const LONGEST_HOST: usize = 253;

/// Returns true for an invisible character that changes the direction of a text. RFC 3987, section 4.1, forbids them
/// in addresses, because they make an address look like another.
#[must_use]
pub fn changes_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns true when a text is a page address: `https` or `http`, with a host and without spaces.
#[must_use]
pub fn is_page(text: &str) -> bool {
    parse(text).is_some()
}

/// Returns true when a text is the address of a picture for pages: `https` and no user name or password.
#[must_use]
pub fn is_picture(text: &str) -> bool {
    parse(text).is_some_and(|url| url.scheme() == "https" && is_nobodys(&url))
}

/// Returns the origin that a text names, in the form of browsers: scheme, host and port. Returns none for a text with
/// more than an origin and for a pattern.
#[must_use]
pub fn origin(text: &str) -> Option<String> {
    let url = parse(text.trim())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (bare && is_nobodys(&url)).then(|| url.origin().ascii_serialization())
}

fn is_nobodys(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn parse(text: &str) -> Option<Url> {
    let rest = ["https://", "http://"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    })?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || changes_direction(c) || NEVER.contains(&c);
    // The parser would search the host behind further slashes and ignore line breaks.
    if rest.starts_with('/') || text.contains(odd) {
        return None;
    }
    let url: Url = text.parse().ok()?;
    url.host_str().is_some_and(is_host).then_some(url)
}

/// Returns true when the parsed host is an IP address or a name that a name server could know.
fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= LONGEST_HOST
        && name.split('.').all(|label| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::{is_page, is_picture, origin};

    #[test]
    fn a_page_is_of_the_web_and_in_one_word() {
        for good in [
            "https://example.com/a?b=c#d",
            "HTTP://x",
            "http://127.0.0.1:8080/",
            "https://[::1]/x",
            "https://예.한국/길?이름=값",
            "https://example.com/a|b?c={d}&e=it's^",
            "https://a_b.example/%20",
            "https://example.com./",
        ] {
            assert!(is_page(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https:///x",
            "https:x",
            "javascript:alert(1)",
            "www.example.com",
            "https://a b",
            "https://a\n.example",
            "ftp://x",
            "é",
            "https://x\"onerror=",
            "https://x/\"><script>",
            "https://x/<b>",
            "https://x\\y",
            "https://*.example.com",
            "https://a..b",
            "https://-x'y/",
            "https://x:99999/",
            "https://[::1",
            "https://%22/",
            "https://exa$mple.com",
        ] {
            assert!(!is_page(bad), "{bad}");
        }
        assert!(!is_page(&format!("https://{}.example", "x".repeat(64))));
    }

    #[test]
    fn no_address_turns_the_direction_of_what_is_read() {
        for mark in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
        {
            for text in [format!("https://example.org/{mark}gnp.a"), format!("{mark}https://example.org/x{mark}")] {
                assert!(!is_page(&text) && !is_picture(&text), "{text:?}");
            }
            assert_eq!(origin(&format!("https://exam{mark}ple.org")), None);
            assert_eq!(origin(&format!("https://example.org{mark}")), None);
        }
        // Letters of a right-to-left script are not marks.
        assert!(is_page("https://example.org/\u{5e9}\u{5dc}\u{5d5}\u{5dd}"));
    }

    #[test]
    fn a_picture_is_encrypted_and_tells_no_password() {
        assert!(is_picture("https://cdn.example/jane.png?size=64"));
        for bad in ["http://cdn.example/jane.png", "https://jane:secret@cdn.example/x", "https://x'onerror=/", "//x/y"]
        {
            assert!(!is_picture(bad), "{bad}");
        }
    }

    #[test]
    fn origins_are_those_of_web_sites_and_kept_as_browsers_say_them() {
        for (text, kept) in [
            ("https://example.com", "https://example.com"),
            (" HTTPS://Example.com:443/ ", "https://example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(origin(text).as_deref(), Some(kept), "{text}");
        }
        for bad in [
            "",
            "example.com",
            "null",
            "*",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://example.*",
            "https://example.com:*",
            "https://example.com/shop",
            "https://example.com?a",
            "https://example.com#a",
            "https://me@example.com",
            "ftp://example.com",
            "javascript:alert(1)",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
