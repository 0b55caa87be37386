//! The media types that a client accepts, from the `Accept` header with its weights.

use axum::http::{HeaderMap, header};

use super::media::{MediaType, split};

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of GraphQL answers in JSON.
pub const GRAPHQL_JSON: &str = "application/graphql-response+json";
/// The media type of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/graphql-response+json`.
    GraphqlJson,
    /// `text/event-stream`.
    EventStream,
}

/// The media types of this server that a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedMedia {
    /// The preferred kind of JSON, if any is accepted.
    pub json: Option<Media>,
    /// True when the client names one of these types. Links and pictures of a page never do.
    pub by_name: bool,
    /// True when the client accepts server-sent events by name.
    pub event_stream: bool,
    /// True when the client accepts multipart responses of subscriptions: `multipart/mixed;subscriptionSpec=1.0`.
    pub multipart: bool,
}

impl AcceptedMedia {
    /// Reads the header. A client without the header gets JSON.
    pub fn of(headers: &HeaderMap) -> Self {
        let (mut ranges, mut multipart) = (Vec::new(), false);
        for value in headers.get_all(header::ACCEPT) {
            let Ok(value) = value.to_str() else { continue };
            ranges.extend(split(value, ',').filter_map(range));
            multipart |= split(value, ',').any(is_multipart);
        }
        if headers.get(header::ACCEPT).is_none() {
            return Self { json: Some(Media::Json), by_name: false, event_stream: false, multipart: false };
        }
        let (plain, graphql) = (weight(&ranges, JSON), weight(&ranges, GRAPHQL_JSON));
        let json = match (plain > 0.0, graphql > 0.0) {
            // With equal weights the GraphQL type wins if the client names it, because its statuses say more about
            // failures.
            (_, true) if graphql > plain || (graphql >= plain && names(&ranges, GRAPHQL_JSON)) => {
                Some(Media::GraphqlJson)
            }
            (true, _) => Some(Media::Json),
            _ => None,
        };
        let by_name = multipart || [JSON, GRAPHQL_JSON, EVENT_STREAM].iter().any(|media| names(&ranges, media));
        let event_stream = names(&ranges, EVENT_STREAM) && weight(&ranges, EVENT_STREAM) > 0.0;
        Self { json, by_name, event_stream, multipart }
    }

    /// Returns the media type of an answer that is not a stream of a subscription.
    #[must_use]
    pub fn answer(self) -> Media {
        match self.json {
            Some(media) => media,
            None if self.event_stream => Media::EventStream,
            None => Media::Json,
        }
    }

    /// Returns true when the client accepts none of the types.
    #[must_use]
    pub fn nothing(self) -> bool {
        self.json.is_none() && !self.event_stream && !self.multipart
    }
}

/// A media range and its weight.
type Range = (String, f32);

fn range(text: &str) -> Option<Range> {
    let range = MediaType::parse(text);
    let weight = range.parameter("q").map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
    (!range.name.is_empty()).then_some((range.name, weight))
}

/// Returns true for a range that accepts multipart responses of subscriptions, in the version that is served.
fn is_multipart(text: &str) -> bool {
    let range = MediaType::parse(text);
    let accepted = range.parameter("q").is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0));
    let version = range.parameter("subscriptionspec");
    range.name.eq_ignore_ascii_case("multipart/mixed") && accepted && version.is_some_and(|version| version == "1.0")
}

/// Returns the weight of the most specific range that matches.
fn weight(ranges: &[Range], media: &str) -> f32 {
    let family = media.split('/').next().unwrap_or_default();
    let closest =
        |wanted: &dyn Fn(&str) -> bool| ranges.iter().find(|(name, _)| wanted(name)).map(|(_, weight)| *weight);
    closest(&|name| name.eq_ignore_ascii_case(media))
        .or_else(|| closest(&|name| name.strip_suffix("/*").is_some_and(|name| name.eq_ignore_ascii_case(family))))
        .or_else(|| closest(&|name| name == "*/*"))
        .unwrap_or(0.0)
}

fn names(ranges: &[Range], media: &str) -> bool {
    ranges.iter().any(|(name, _)| name.eq_ignore_ascii_case(media))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{AcceptedMedia, Media};

    fn of(accept: &'static str) -> AcceptedMedia {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        AcceptedMedia::of(&headers)
    }

    #[test]
    fn the_heaviest_form_is_answered_in() {
        for (accept, json) in [
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json; charset=utf-8", Some(Media::GraphqlJson)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::GraphqlJson)),
            ("application/json, application/graphql-response+json", Some(Media::GraphqlJson)),
            ("application/json, application/graphql-response+json;q=0.5", Some(Media::Json)),
            ("application/graphql-response+json;q=0, */*", Some(Media::Json)),
            (
                "multipart/mixed;boundary=x, application/graphql-response+json, application/json",
                Some(Media::GraphqlJson),
            ),
            ("text/html", None),
            ("text/event-stream", None),
            ("application/json;q=0", None),
            (r#"application/json;x="a,b;q=0";q=0.5"#, Some(Media::Json)),
        ] {
            assert_eq!(of(accept).json, json, "{accept}");
        }
        assert!(of("text/event-stream").event_stream && !of("*/*").event_stream);
        for (accept, multipart) in [
            ("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json", true),
            ("multipart/mixed; boundary=graphql; subscriptionSpec=\"1.0\"", true),
            ("Multipart/Mixed;SUBSCRIPTIONSPEC=1.0", true),
            ("multipart/mixed;subscriptionSpec=1.0;q=0", false),
            ("multipart/mixed;subscriptionSpec=2.0", false),
            ("multipart/mixed;boundary=x, application/json", false),
            ("*/*", false),
        ] {
            assert_eq!(of(accept).multipart, multipart, "{accept}");
        }
        assert!(of("text/html").nothing() && !of("multipart/mixed;subscriptionSpec=1.0").nothing());
        assert_eq!(AcceptedMedia::of(&HeaderMap::new()).json, Some(Media::Json));
    }
}
