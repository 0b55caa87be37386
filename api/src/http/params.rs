//! The request of a client, read from a body, from the parameters of a GET, or from a message of a socket.

use std::io::Read as _;

use async_graphql::Response;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{content_negotiation::JSON, failure_responses::refusal, media::MediaType, validation::JsonMap};
use crate::trusted_documents::document_id;

/// The encodings of request bodies that are accepted, in the format of `Accept-Encoding`.
pub const ENCODINGS: &str = "gzip";

/// A GraphQL request in JSON.
#[derive(Deserialize)]
struct RequestBody {
    query: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<JsonMap>,
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A request whose document may be named by its digest.
#[derive(Debug)]
pub struct RawRequest {
    /// The document.
    pub document: DocumentSource,
    /// The name of the operation to run.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Option<JsonMap>,
}

/// The way in which a request names its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentSource {
    /// The request has the text.
    Text(String),
    /// The request has the text and its right digest, so that the next one need not have the text.
    TextWithDigest {
        /// The digest of the text.
        digest: String,
        /// The text.
        text: String,
    },
    /// The request has only a digest.
    Digest(String),
    /// The request names a document in a way that names none.
    Unknown,
}

/// The reason why a request cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidRequest {
    /// It is not a GraphQL request with a document.
    Malformed,
    /// It names its document in a later version of Apollo's protocol. Clients then send the document itself.
    NotSupported,
    /// Its digest is not that of its document.
    OtherDigest,
}

impl InvalidRequest {
    /// Returns the answer to the request. Clients compare message and code of `NotSupported` letter by letter.
    #[must_use]
    pub fn answer(self) -> Response {
        match self {
            Self::Malformed => refusal("The body is not a GraphQL request in JSON with a query.", "BAD_REQUEST"),
            Self::NotSupported => refusal("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"),
            Self::OtherDigest => refusal("The provided SHA-256 does not match the query.", "BAD_REQUEST"),
        }
    }
}

/// The digest in a request, by `documentId` (GraphQL over HTTP, appendix A) or by Apollo's `persistedQuery`.
enum WrittenDigest {
    Absent,
    Given(String),
    LaterVersion,
}

impl WrittenDigest {
    fn of(body: &RequestBody) -> Self {
        if let Some(id) = &body.document_id {
            return Self::Given(id.clone());
        }
        let extension = body.extensions.as_ref().and_then(|extensions| extensions.get("persistedQuery"));
        let Some(extension) = extension.filter(|extension| extension.is_object()) else { return Self::Absent };
        if extension["version"] != 1 {
            return Self::LaterVersion;
        }
        Self::Given(extension["sha256Hash"].as_str().unwrap_or_default().to_owned())
    }
}

/// Parses a request in JSON.
pub fn read(body: &[u8]) -> Result<RawRequest, InvalidRequest> {
    let mut written: RequestBody = serde_json::from_slice(body).map_err(|_| InvalidRequest::Malformed)?;
    let digest = WrittenDigest::of(&written);
    let named = !matches!(digest, WrittenDigest::Absent);
    let document = match (written.query.take().filter(|query| !(named && query.is_empty())), digest) {
        // A digest of another version has no effect beside its document.
        (Some(text), WrittenDigest::Absent | WrittenDigest::LaterVersion) => DocumentSource::Text(text),
        (Some(text), WrittenDigest::Given(given)) => {
            let digest = document_id::digest(&text);
            if document_id::parse(&given) != Some(&digest) {
                return Err(InvalidRequest::OtherDigest);
            }
            DocumentSource::TextWithDigest { digest, text }
        }
        (None, WrittenDigest::Given(given)) => match document_id::parse(&given) {
            Some(digest) => DocumentSource::Digest(digest.to_owned()),
            None => DocumentSource::Unknown,
        },
        (None, WrittenDigest::LaterVersion) => return Err(InvalidRequest::NotSupported),
        (None, WrittenDigest::Absent) => return Err(InvalidRequest::Malformed),
    };
    Ok(RawRequest { document, operation_name: written.operation_name, variables: written.variables })
}

/// The query parameters of a GET.
#[derive(Deserialize)]
pub struct GetParams {
    query: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl GetParams {
    /// Returns the body of a POST with this request. An empty parameter counts as absent. Fails with the name of a
    /// parameter that is not JSON.
    pub fn body(self) -> Result<String, &'static str> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let json = |text: Option<String>, name| {
            let value = given(text).as_deref().map(serde_json::from_str::<serde_json::Value>).transpose();
            value.map(Option::unwrap_or_default).map_err(|_| name)
        };
        let body = serde_json::json!({
            "query": given(self.query),
            "documentId": given(self.document_id),
            "operationName": given(self.operation_name),
            "variables": json(self.variables, "variables")?,
            "extensions": json(self.extensions, "extensions")?,
        });
        Ok(body.to_string())
    }
}

/// Returns true when `Content-Type` says JSON. JSON is always UTF-8, and a charset does not change that (RFC 8259,
/// sections 8.1 and 11). Another charset is refused, because the body would be misread.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let body = MediaType::of_body(headers);
    body.name == JSON && body.parameter("charset").is_none_or(is_utf8)
}

/// Returns true for a label of UTF-8, and for ASCII, which is a subset of it.
fn is_utf8(charset: &str) -> bool {
    let ascii = ["", "ascii", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name));
    ascii || encoding_rs::Encoding::for_label(charset.as_bytes()) == Some(encoding_rs::UTF_8)
}

/// The encoding of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The body is not compressed.
    Identity,
    /// The body is compressed with gzip.
    Gzip,
}

impl Encoding {
    /// Reads `Content-Encoding`. Returns none for an unsupported encoding.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut found = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match name.to_ascii_lowercase().as_str() {
                    "identity" => {}
                    "gzip" | "x-gzip" if found == Self::Identity => found = Self::Gzip,
                    _ => return None,
                }
            }
        }
        Some(found)
    }
}

/// The reason why a compressed body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecompressionError {
    /// The unpacked body exceeds the limit.
    TooLong,
    /// The body is not valid gzip.
    Broken,
}

/// Unpacks a gzip body of at most `most` bytes. It never takes more memory than that, however much a body claims.
pub fn unpack(body: &[u8], most: usize) -> Result<Vec<u8>, DecompressionError> {
    let mut unpacked = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body).take(bound).read_to_end(&mut unpacked).map_err(|_| DecompressionError::Broken)?;
    if unpacked.len() > most { Err(DecompressionError::TooLong) } else { Ok(unpacked) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::http::{HeaderMap, HeaderValue, header};
    use flate2::{Compression, write::GzEncoder};

    use super::{DecompressionError, DocumentSource, Encoding, InvalidRequest, is_json, read, unpack};

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn json_is_utf8_under_any_label() {
        for (text, taken) in [
            ("application/json", true),
            ("Application/JSON;charset=UTF-8", true),
            ("application/json; charset=utf8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset = unicode-1-1-utf-8", true),
            ("application/json; charset=us-ascii", true),
            ("application/json; charset=", true),
            ("application/json; profile=x; charset=UTF8", true),
            (r#"application/json; charset="ut\f-8""#, true),
            (r#"application/json; foo="a;charset=latin1""#, true),
            (r#"application/json; foo="a\";charset=latin1"; charset=utf-8"#, true),
            (r#"application/json; foo="a;b"; charset=latin1"#, false),
            (r#"application/json; charset="latin\1""#, false),
            ("application/json; charset=utf-16", false),
            ("application/json; charset=iso-8859-1", false),
            ("application/json; charset=nonsense", false),
            ("text/plain; charset=utf-8", false),
            ("application/json, text/plain", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(is_json(&headers(header::CONTENT_TYPE, text)), taken, "{text}");
        }
    }

    #[test]
    fn gzip_is_unpacked_within_a_bound() -> std::io::Result<()> {
        for (text, encoding) in [
            ("gzip", Some(Encoding::Gzip)),
            ("X-GZIP", Some(Encoding::Gzip)),
            ("identity", Some(Encoding::Identity)),
            ("", Some(Encoding::Identity)),
            ("br", None),
            ("deflate", None),
            ("gzip, gzip", None),
            ("gzip, br", None),
        ] {
            assert_eq!(Encoding::of(&headers(header::CONTENT_ENCODING, text)), encoding, "{text}");
        }
        let packed = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text)?;
            encoder.finish()
        };
        let bomb = packed(&vec![b' '; 8 << 20])?;
        assert!(bomb.len() < 10_000);
        assert_eq!(unpack(&bomb, 1_024), Err(DecompressionError::TooLong));
        assert_eq!(unpack(&packed(b"{}")?, 2), Ok(b"{}".to_vec()));
        assert_eq!(unpack(&[packed(b"{")?, packed(b"}")?].concat(), 2), Ok(b"{}".to_vec()));
        assert_eq!(unpack(&packed(b"{} ")?, 2), Err(DecompressionError::TooLong));
        assert_eq!(unpack(b"{}", 100), Err(DecompressionError::Broken));
        assert_eq!(unpack(&packed(b"{\"query\":\"{a}\"}")?[..20], 100), Err(DecompressionError::Broken));
        Ok(())
    }

    #[test]
    fn a_document_is_named_by_its_text_or_its_digest() {
        // The example of appendix A.
        let text = "query($id:ID!){user(id:$id){name}}";
        let digest = "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b";
        let apollo = |version: u8, hash: &str| {
            format!(r#""extensions":{{"persistedQuery":{{"version":{version},"sha256Hash":"{hash}"}}}}"#)
        };
        let source = |body: &str| read(body.as_bytes()).map(|raw| raw.document);
        let by_text = || Ok(DocumentSource::Text(text.to_owned()));
        let with_digest = || Ok(DocumentSource::TextWithDigest { digest: digest.to_owned(), text: text.to_owned() });
        let by_digest = || Ok(DocumentSource::Digest(digest.to_owned()));
        for (body, expected) in [
            (format!(r#"{{"query":"{text}"}}"#), by_text()),
            (format!(r#"{{"query":"{text}",{}}}"#, apollo(1, digest)), with_digest()),
            (format!(r#"{{"query":"{text}","documentId":"sha256:{digest}"}}"#), with_digest()),
            (format!(r#"{{"query":"{text}",{}}}"#, apollo(1, "x")), Err(InvalidRequest::OtherDigest)),
            (format!(r#"{{"query":"{text}","documentId":"sha256:x"}}"#), Err(InvalidRequest::OtherDigest)),
            (format!(r#"{{"query":"{text}",{}}}"#, apollo(2, "x")), by_text()),
            (format!("{{{}}}", apollo(1, digest)), by_digest()),
            (format!(r#"{{"query":null,{}}}"#, apollo(1, digest)), by_digest()),
            (format!(r#"{{"query":"",{}}}"#, apollo(1, digest)), by_digest()),
            (format!(r#"{{"documentId":"sha256:{digest}"}}"#), by_digest()),
            (format!(r#"{{"documentId":"{digest}"}}"#), by_digest()),
            (format!("{{{}}}", apollo(1, "x")), Ok(DocumentSource::Unknown)),
            (r#"{"documentId":"a custom id"}"#.to_owned(), Ok(DocumentSource::Unknown)),
            (format!("{{{}}}", apollo(2, digest)), Err(InvalidRequest::NotSupported)),
            (r#"{"documentId":1}"#.to_owned(), Err(InvalidRequest::Malformed)),
            ("{}".to_owned(), Err(InvalidRequest::Malformed)),
            ("[]".to_owned(), Err(InvalidRequest::Malformed)),
            (r#"{"extensions":{}}"#.to_owned(), Err(InvalidRequest::Malformed)),
            (r#"{"extensions":{"persistedQuery":null}}"#.to_owned(), Err(InvalidRequest::Malformed)),
            (r#"{"query":1}"#.to_owned(), Err(InvalidRequest::Malformed)),
        ] {
            assert_eq!(source(&body), expected, "{body}");
        }
    }
}
