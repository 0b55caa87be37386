//! The one client of outgoing requests. It checks every address at the moment of the connection, also after redirects,
//! and limits the time, the size and the type of each answer. It uses no proxy and keeps no cookies.

use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION},
    redirect::Policy,
};
use tokio::time::Instant;

use super::addresses::{Reachable, has_web_port};
use crate::web_address;

/// The time to connect, of Twilio's connection defaults.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The time for which an idle connection is kept for the next request.
const IDLE_KEPT: Duration = Duration::from_secs(30);
/// The idle connections that are kept for each host.
const IDLE_PER_HOST: usize = 4;
/// The longest address of a request, in bytes.
pub const LONGEST_URL: usize = 2_000;

/// Looks up the addresses of a host name.
pub trait LookUp: Send + Sync {
    /// Returns the addresses of a name, in the order in which they are tried.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The look-up of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookUp;

impl LookUp for SystemLookUp {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The reason why an outgoing request has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The address must not be requested, for a reason. Nothing was sent there.
    Forbidden(&'static str),
    /// No connection came about. Nothing was sent.
    NotSent(String),
    /// The request may or may not have arrived.
    Unclear(String),
    /// The answer has another media type than the permitted ones.
    WrongType(String),
    /// The answer is longer than the limit.
    TooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(why) => write!(f, "{why}"),
            Self::NotSent(why) => write!(f, "no connection: {why}"),
            Self::Unclear(why) => write!(f, "no answer: {why}"),
            Self::WrongType(given) => write!(f, "the media type {given} is not permitted"),
            Self::TooLong => write!(f, "the answer is too long"),
        }
    }
}

/// An outgoing request and the limits of its answer.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// The method. Only GET follows redirects.
    pub method: Method,
    /// The address.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The time for the whole exchange, from the connection to the end of the answer.
    pub within: Duration,
    /// The maximum length of the answer, in bytes.
    pub answer_bytes: u64,
    /// The maximum of redirects that a GET follows.
    pub redirects: u8,
    /// The permitted media types of the answer, such as `image/png` or `image/*`. None permits all.
    pub media_types: Option<&'static [&'static str]>,
}

/// The answer of an outgoing request, whose body is read in parts.
#[derive(Debug)]
pub struct OutgoingAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    response: Response,
    left: u64,
}

impl OutgoingAnswer {
    /// Returns the next part of the body, or none at its end. Fails with [`Failure::TooLong`] beyond the limit.
    pub async fn next_part(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(part) = self.response.chunk().await.map_err(|error| Failure::Unclear(cause(&error)))? else {
            return Ok(None);
        };
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(Failure::TooLong)?;
        Ok(Some(part))
    }

    /// Reads the whole body.
    pub async fn read(mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(part) = self.next_part().await? {
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// Reads at most the first `bytes` of the body, and drops the rest.
    pub async fn read_start(mut self, bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut start = Vec::new();
        while start.len() < bytes {
            let Ok(Some(part)) = self.next_part().await else { break };
            start.extend_from_slice(&part[..part.len().min(bytes - start.len())]);
        }
        Ok(start)
    }
}

/// Sends requests to public addresses and to the networks that the operator allows.
#[derive(Clone)]
pub struct OutgoingClient {
    reachable: Arc<Reachable>,
    /// Sends encrypted requests.
    encrypted: Client,
    /// Sends unencrypted requests, which only allowed networks may receive.
    inside: Client,
}

impl OutgoingClient {
    /// Creates the client. Fails without trusted certificates.
    pub fn new(reachable: Reachable, names: &Arc<dyn LookUp>) -> anyhow::Result<Self> {
        let reachable = Arc::new(reachable);
        let build = |encrypted: bool| {
            let names = GuardedNames { reachable: Arc::clone(&reachable), names: Arc::clone(names), encrypted };
            Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .referer(false)
                .https_only(encrypted)
                .connect_timeout(CONNECT_WITHIN)
                .pool_idle_timeout(IDLE_KEPT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .user_agent(concat!("Rapport/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(names))
                .build()
        };
        let (encrypted, inside) = (build(true)?, build(false)?);
        Ok(Self { reachable, encrypted, inside })
    }

    /// Checks an address before it is stored or requested, and returns it parsed. A host name is checked when its
    /// addresses are known, at the connection.
    pub fn check(&self, text: &str) -> Result<Url, Failure> {
        if text.len() > LONGEST_URL || !web_address::is_page(text) {
            return Err(Failure::Forbidden("not the address of a web server"));
        }
        let url: Url = text.parse().map_err(|_| Failure::Forbidden("not the address of a web server"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Forbidden("an address with a user name or password"));
        }
        if !has_web_port(&url) {
            return Err(Failure::Forbidden("not a port of web servers"));
        }
        let literal = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        // Literal addresses never reach the resolver.
        if literal.is_some_and(|address| !self.may_connect(address, url.scheme() == "https")) {
            return Err(FORBIDDEN);
        }
        Ok(url)
    }

    fn may_connect(&self, address: IpAddr, encrypted: bool) -> bool {
        may_connect(&self.reachable, address, encrypted)
    }

    /// Sends a request and returns its answer, whatever its status. A redirect is an answer like any other, unless the
    /// request follows redirects.
    pub async fn send(&self, request: &OutgoingRequest) -> Result<OutgoingAnswer, Failure> {
        let mut url = self.check(&request.url)?;
        let mut headers = request.headers.clone();
        let follows = if request.method == Method::GET { request.redirects } else { 0 };
        let end = Instant::now() + request.within;
        let exchange = async {
            for hop in 0..=follows {
                let response = self.send_once(request, &url, &headers, end).await?;
                let Some(next) = redirect(&response, &url).filter(|_| hop < follows) else {
                    return answer(response, request);
                };
                let next = self.check(next.as_str())?;
                if next.origin() != url.origin() {
                    // What the first server may know is no business of another one.
                    let accepted = headers.remove(ACCEPT);
                    headers.clear();
                    accepted.map(|accepted| headers.insert(ACCEPT, accepted));
                }
                url = next;
            }
            Err(Failure::Forbidden("too many redirects"))
        };
        let ended = tokio::time::timeout_at(end, exchange).await;
        ended.unwrap_or_else(|_| Err(Failure::Unclear("no answer in time".to_owned())))
    }

    async fn send_once(
        &self,
        request: &OutgoingRequest,
        url: &Url,
        headers: &HeaderMap,
        end: Instant,
    ) -> Result<Response, Failure> {
        let encrypted = url.scheme() == "https";
        let client = if encrypted { &self.encrypted } else { &self.inside };
        let sending = client.request(request.method.clone(), url.clone()).headers(headers.clone());
        let sending = sending.body(request.body.clone()).timeout(end.saturating_duration_since(Instant::now()));
        let response = sending.send().await.map_err(|error| failure(&error))?;
        // The last word has the address that was connected to.
        match response.remote_addr() {
            Some(address) if self.may_connect(address.ip(), encrypted) => Ok(response),
            _ => Err(FORBIDDEN),
        }
    }
}

const FORBIDDEN: Failure = Failure::Forbidden("not a public address");

/// Returns true when a connection is permitted. Unencrypted requests leave for allowed networks only.
fn may_connect(reachable: &Reachable, address: IpAddr, encrypted: bool) -> bool {
    if encrypted { reachable.permits(address) } else { reachable.is_allowed(address) }
}

/// Returns the address to which an answer redirects.
fn redirect(response: &Response, from: &Url) -> Option<Url> {
    let redirects = [301, 302, 303, 307, 308].contains(&response.status().as_u16());
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    from.join(location.to_str().ok()?).ok()
}

/// Returns the answer of a response whose head is within the limits.
fn answer(response: Response, request: &OutgoingRequest) -> Result<OutgoingAnswer, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    if response.content_length().is_some_and(|length| length > request.answer_bytes) {
        return Err(Failure::TooLong);
    }
    if let Some(permitted) = request.media_types.filter(|_| status.is_success()) {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let matches = |one: &&str| match one.strip_suffix('*') {
            Some(start) => given.starts_with(start),
            None => given == **one,
        };
        if !permitted.iter().any(matches) {
            return Err(Failure::WrongType(given));
        }
    }
    Ok(OutgoingAnswer { status, headers, response, left: request.answer_bytes })
}

/// Classifies an error of the client by what the receiver may have got.
fn failure(error: &reqwest::Error) -> Failure {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<ForbiddenName>().is_some() {
            return FORBIDDEN;
        }
        source = inner.source();
    }
    if error.is_connect() || error.is_builder() {
        return Failure::NotSent(cause(error));
    }
    Failure::Unclear(cause(error))
}

/// Returns the innermost cause of an error. The outer ones repeat the address, which may contain a secret.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { inner.to_string() }
}

/// A host name without a permitted address.
#[derive(Debug)]
struct ForbiddenName;

impl fmt::Display for ForbiddenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name has no public address")
    }
}

impl std::error::Error for ForbiddenName {}

/// Looks up names and leaves out the addresses that must not be connected to. The client connects to the addresses
/// that this look-up returns and to no other, so a name that changes its address gains nothing.
struct GuardedNames {
    reachable: Arc<Reachable>,
    names: Arc<dyn LookUp>,
    encrypted: bool,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let looking_up = self.names.look_up(name.as_str().to_owned());
        let (reachable, encrypted) = (Arc::clone(&self.reachable), self.encrypted);
        Box::pin(async move {
            let found = looking_up.await?;
            let permitted: Vec<_> =
                found.into_iter().filter(|address| may_connect(&reachable, *address, encrypted)).collect();
            if permitted.is_empty() {
                return Err(ForbiddenName.into());
            }
            let addresses: Addrs = Box::new(permitted.into_iter().map(|address| (address, 0).into()));
            Ok(addresses)
        })
    }
}
