//! GraphiQL, served from the binary. It loads nothing from other hosts, and its page cannot.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const PAGE: &str = include_str!("../../graphiql/dist/index.html");
const SCRIPT: &[u8] = include_bytes!("../../graphiql/dist/graphiql.js.gz");
const STYLE: &[u8] = include_bytes!("../../graphiql/dist/graphiql.css.gz");
const LICENSES: &str = include_str!("../../graphiql/dist/LICENSES.txt");

/// The content security policy of the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves the page of GraphiQL.
pub async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, PAGE).into_response()
}

/// Serves the files of the page, compressed at build time.
pub async fn file(Path(name): Path<String>) -> Response {
    let (content_type, body) = match name.as_str() {
        "graphiql.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "graphiql.css" => ("text/css; charset=utf-8", STYLE),
        "LICENSES.txt" => return ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], LICENSES).into_response(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, body).into_response()
}
