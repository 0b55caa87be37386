//! The web chat for customers, served from the binary: its page, the files of the page, and the script that embeds it
//! in a site. It uses `/graphql` as every other client does, and loads nothing from other hosts.

use std::{
    io::Write as _,
    sync::{Arc, LazyLock},
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use entity::entry_point;
use flate2::{Compression, write::GzEncoder};

use super::{client_ip, executor::Executor, graphql::reads_gzip};
use crate::{auth::secret, entry_points::allowed_origins};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Browsers keep the files and validate them each time, because the files of a page belong together.
const ASKED_AGAIN: &str = "no-cache";
/// Browsers keep the launcher for 5 minutes, because sites load it with each of their pages.
const FOR_MINUTES: &str = "public, max-age=300";

/// The content security policy of the page, beside its sockets and its frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'";
/// The content security policy of a page that does not exist.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The header that names the origins that may load a file.
const LOADED_BY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const NOT_THERE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Not found</title>\n\
                         <p>There is nothing here.</p>\n</html>\n";

macro_rules! embedded {
    ($name:literal, $kind:expr) => {
        File::of($name, $kind, include_str!(concat!("../../webchat/", $name)))
    };
}

static PAGE: LazyLock<File> = LazyLock::new(|| embedded!("page.html", HTML));
static LAUNCHER: LazyLock<File> = LazyLock::new(|| embedded!("launcher.js", SCRIPT));
static FILES: LazyLock<[File; 23]> = LazyLock::new(|| {
    [
        embedded!("icon.svg", PICTURE),
        embedded!("style.css", STYLE),
        embedded!("thread.css", STYLE),
        embedded!("main.js", SCRIPT),
        embedded!("api.js", SCRIPT),
        embedded!("attached.js", SCRIPT),
        embedded!("chat.js", SCRIPT),
        embedded!("composer.js", SCRIPT),
        embedded!("dialog.js", SCRIPT),
        embedded!("elements.js", SCRIPT),
        embedded!("follow.js", SCRIPT),
        embedded!("files.js", SCRIPT),
        embedded!("form.js", SCRIPT),
        embedded!("identity.js", SCRIPT),
        embedded!("kept.js", SCRIPT),
        embedded!("sizes.js", SCRIPT),
        embedded!("thread.js", SCRIPT),
        embedded!("view.js", SCRIPT),
        embedded!("words.js", SCRIPT),
        embedded!("words-de.js", SCRIPT),
        embedded!("words-en.js", SCRIPT),
        embedded!("words-ja.js", SCRIPT),
        embedded!("words-ko.js", SCRIPT),
    ]
});

/// A file in the form in which it is sent.
struct File {
    name: &'static str,
    kind: &'static str,
    plain: &'static str,
    /// The gzip form, for clients that accept it.
    compressed: Option<Bytes>,
}

impl File {
    fn of(name: &'static str, kind: &'static str, plain: &'static str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(plain.as_bytes()).and_then(|()| encoder.finish()).ok().map(Bytes::from);
        Self { name, kind, plain, compressed }
    }

    /// Answers with the file, or with 304 when the client's copy is current. `policy` is the content security policy,
    /// with the sites that may frame the page.
    fn answer(&self, asked: &HeaderMap, caching: &'static str, policy: &str) -> Response {
        let tag = format!("W/\"{}\"", secret::name(&format!("{policy}\n{}", self.plain)));
        let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = known.flat_map(|value| value.split(',')).any(|value| value.trim() == tag);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        for (name, value) in [(header::ETAG, tag.as_str()), (header::CONTENT_SECURITY_POLICY, policy)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        match &self.compressed {
            _ if known => *response.status_mut() = StatusCode::NOT_MODIFIED,
            Some(compressed) if reads_gzip(asked) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *response.body_mut() = Body::from(compressed.clone());
            }
            _ => *response.body_mut() = Body::from(self.plain),
        }
        response
    }
}

/// `GET /webchat/{entry point}`: serves the page. `GET /webchat/{entry point}.js`: serves the script that embeds it.
pub async fn page(State(executor): State<Arc<Executor>>, Path(name): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let origin = client_ip::origin(executor.app(), &parts);
    if executor.admit(origin.address).is_err() {
        return bare(StatusCode::TOO_MANY_REQUESTS, "Too many requests.\n");
    }
    let id = name.strip_suffix(".js");
    // The site is not checked here, because browsers do not send it for frames and scripts. The policy names the
    // sites that may frame the page.
    match allowed_origins::find(executor.app().db.read(), id.unwrap_or(&name), None).await {
        Err(_) => bare(StatusCode::SERVICE_UNAVAILABLE, "Try again later.\n"),
        Ok(None) => bare(StatusCode::NOT_FOUND, NOT_THERE),
        Ok(Some(_)) if id.is_some() => {
            let mut script = LAUNCHER.answer(&parts.headers, FOR_MINUTES, NOTHING);
            script.headers_mut().insert(LOADED_BY, HeaderValue::from_static("cross-origin"));
            script
        }
        Ok(Some(entry_point)) => PAGE.answer(&parts.headers, ASKED_AGAIN, &policy(&entry_point, &parts.headers)),
    }
}

/// `GET /webchat/files/{name}`: serves a file of the page.
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => {
            let mut file = file.answer(&headers, ASKED_AGAIN, NOTHING);
            file.headers_mut().insert(LOADED_BY, HeaderValue::from_static("same-origin"));
            file
        }
        None => bare(StatusCode::NOT_FOUND, NOT_THERE),
    }
}

/// Builds the policy of the page. It may connect to its own host, and stand in frames of the server's own site and of
/// the sites of its entry point.
fn policy(entry_point: &entry_point::Model, headers: &HeaderMap) -> String {
    // Not every browser counts sockets to the own host as 'self'.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)));
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let framed_by: Vec<_> = ["'self'".to_owned()].into_iter().chain(allowed_origins::framing(entry_point)).collect();
    format!("{POLICY}; connect-src 'self'{sockets}; frame-ancestors {}", framed_by.join(" "))
}

/// Creates a response with only this text.
fn bare(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = if text == NOT_THERE { HTML } else { "text/plain; charset=utf-8" };
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, NOTHING),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn each_file_says_what_it_is_for_and_can_be_read() {
        for file in FILES.iter() {
            assert!(["// ", "/* ", "<!-- "].iter().any(|start| file.plain.starts_with(start)), "{}", file.name);
            assert!(file.plain.lines().count() <= 400, "{} is too long", file.name);
        }
    }

    #[test]
    fn each_language_has_a_word_for_everything() {
        let names = |file: &super::File| -> Vec<_> {
            let names = file.plain.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name);
            names.filter(|name| name.trim().bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')).collect()
        };
        let languages: Vec<_> = FILES.iter().filter(|file| file.name.starts_with("words-")).collect();
        for language in &languages {
            assert_eq!(names(language), names(languages[0]), "{}", language.name);
        }
        assert_eq!(languages.len(), 4);
    }
}
