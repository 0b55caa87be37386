//! Access tokens, which are JWTs. A key verifies by its own algorithm only, so the header of a token cannot choose
//! another. `exp`, `iss`, `aud` and `sub` are required, and times are compared with the product's clock.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entity::id::{SessionId, UserId};
use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};

use super::viewer::{Credential, Scopes, Viewer};
use crate::{
    app::App,
    config::{TokenConfig, keys::VerifyingKey},
    error::{Error, Result},
};

/// The maximum lead of an outside issuer's clock.
const SKEW: Duration = Duration::seconds(60);

/// The claims of a token that the product reads.
#[derive(Serialize, Deserialize)]
pub struct Claims {
    /// The person: an id, or for an outside issuer also a handle.
    pub sub: String,
    iss: String,
    aud: serde_json::Value,
    #[serde(default)]
    iat: Option<NumericDate>,
    exp: NumericDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<NumericDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// The scopes, separated by spaces.
    pub scope: Option<String>,
    /// The session of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// In a ticket: the user whom the ticket concerns. In a link: the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// In a ticket: the time at which its user's password was set, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pwd: Option<i64>,
}

/// 9999-12-31T23:59:59Z in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// Seconds since 1970, whole or with a fraction (RFC 7519, section 2). The product's own tokens use whole seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

impl NumericDate {
    fn of(time: DateTime<Utc>) -> Self {
        Self::Whole(time.timestamp())
    }

    /// Returns the time, cut to microseconds, or none when no calendar date exists for it. A time after the year 9999
    /// becomes the end of that year. The API writes years with four digits, and no token needs a later end.
    fn time(self) -> Option<DateTime<Utc>> {
        let (seconds, micros) = match self {
            Self::Whole(seconds) => (seconds, 0),
            Self::Fraction(seconds) => {
                #[expect(clippy::cast_possible_truncation, reason = "a value out of range has no date and is rejected")]
                let whole = seconds.floor() as i64;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 999,999")]
                let micros = (seconds.fract().rem_euclid(1.0) * 1e6).floor() as u32;
                (whole, micros)
            }
        };
        let time = DateTime::from_timestamp(seconds, micros.min(999_999) * 1_000)?;
        Some(time.min(DateTime::from_timestamp(LAST_SECOND, 0)?))
    }
}

impl Claims {
    /// Returns the expiry of the token. Refuses with UNAUTHENTICATED when it is no date.
    pub fn expires_at(&self) -> Result<DateTime<Utc>> {
        self.exp.time().ok_or(Error::Unauthenticated)
    }
}

/// A signed token with its expiry.
pub struct AccessToken {
    /// The token as clients send it.
    pub text: String,
    /// The expiry of the token, in whole seconds.
    pub expires_at: DateTime<Utc>,
}

/// Signs an access token for a person, with or without a session.
pub fn issue(
    app: &App,
    user: UserId,
    scopes: Scopes,
    session: Option<SessionId>,
    lifetime: std::time::Duration,
) -> Result<AccessToken> {
    let tokens = &app.config.tokens;
    let now = app.clock.now();
    let lifetime = Duration::from_std(lifetime).map_err(Error::internal)?;
    let expires_at = DateTime::from_timestamp((now + lifetime).timestamp(), 0).unwrap_or(now);
    let claims = Claims {
        sub: user.to_string(),
        iss: tokens.issuer.clone(),
        aud: tokens.audience.clone().into(),
        iat: Some(NumericDate::of(now)),
        exp: NumericDate::of(expires_at),
        nbf: None,
        scope: Some(scopes.to_string()),
        sid: session.map(|session| session.to_string()),
        about: None,
        pwd: None,
    };
    sign(tokens, &claims, expires_at)
}

fn sign(tokens: &TokenConfig, claims: &Claims, expires_at: DateTime<Utc>) -> Result<AccessToken> {
    let signing = &tokens.keys.signing;
    let mut header = Header::new(signing.algorithm);
    header.kid = Some(signing.id.clone());
    let text = jsonwebtoken::encode(&header, claims, &signing.key).map_err(Error::internal)?;
    Ok(AccessToken { text, expires_at })
}

/// The content of a ticket. It permits one purpose for one person and one subject.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// The user who received the ticket.
    pub user: UserId,
    /// The user whom the ticket concerns.
    pub about: UserId,
    /// The session that requested the ticket. It is none for a token without a session.
    pub session: Option<SessionId>,
    /// The time at which the holder's password was set. It is none for a person without a password.
    pub password_of: Option<DateTime<Utc>>,
}

/// Signs a ticket. Its own audience, made from `door`, keeps it from being used as an access token.
pub fn issue_ticket(app: &App, door: &str, ticket: Ticket, lifetime: Duration) -> Result<AccessToken> {
    let tokens = &app.config.tokens;
    let now = app.clock.now();
    let expires_at = DateTime::from_timestamp((now + lifetime).timestamp(), 0).unwrap_or(now);
    let claims = Claims {
        sub: ticket.user.to_string(),
        iss: tokens.issuer.clone(),
        aud: audience_of(tokens, door).into(),
        iat: Some(NumericDate::of(now)),
        exp: NumericDate::of(expires_at),
        nbf: None,
        scope: None,
        sid: ticket.session.map(|session| session.to_string()),
        about: Some(ticket.about.to_string()),
        pwd: ticket.password_of.map(|time| time.timestamp_micros()),
    };
    sign(tokens, &claims, expires_at)
}

/// Reads a ticket of the audience made from `door`. Every fault of a ticket gets the same refusal, UNAUTHENTICATED.
pub fn read_ticket(app: &App, door: &str, ticket: &str) -> Result<Ticket> {
    let tokens = &app.config.tokens;
    let audience = audience_of(tokens, door);
    let claims = claims_for(tokens, &tokens.keys.verifying, &audience, app.clock.now(), ticket)?;
    let (user, about) = (UserId::parse(&claims.sub), claims.about.as_deref().and_then(UserId::parse));
    let (user, about) = user.zip(about).ok_or(Error::Unauthenticated)?;
    let session = claims.sid.as_deref().map(|sid| SessionId::parse(sid).ok_or(Error::Unauthenticated)).transpose()?;
    Ok(Ticket { user, about, session, password_of: claims.pwd.and_then(DateTime::from_timestamp_micros) })
}

/// The content of a signed link. It lets its holder read one path.
#[derive(Clone, Debug)]
pub struct Link {
    /// The holder: the id of a user, of an API key or of a visitor token.
    pub holder: String,
    /// The session of the user. It is none for other holders, and for a token without a session.
    pub session: Option<SessionId>,
    /// The path with its parameters, without the ticket.
    pub path: String,
    /// The end of the link, in whole seconds.
    pub expires_at: DateTime<Utc>,
}

/// The audience of signed links, apart from access tokens and other tickets.
const LINK_AUDIENCE: &str = "link";

/// Signs a link.
pub fn issue_link(app: &App, link: &Link) -> Result<String> {
    let tokens = &app.config.tokens;
    let claims = Claims {
        sub: link.holder.clone(),
        iss: tokens.issuer.clone(),
        aud: audience_of(tokens, LINK_AUDIENCE).into(),
        iat: Some(NumericDate::of(app.clock.now())),
        exp: NumericDate::of(link.expires_at),
        nbf: None,
        scope: None,
        sid: link.session.map(|session| session.to_string()),
        about: Some(link.path.clone()),
        pwd: None,
    };
    Ok(sign(tokens, &claims, link.expires_at)?.text)
}

/// Reads a link. Every fault of a link gets the same refusal, UNAUTHENTICATED.
pub fn read_link(app: &App, ticket: &str) -> Result<Link> {
    let tokens = &app.config.tokens;
    let audience = audience_of(tokens, LINK_AUDIENCE);
    let claims = claims_for(tokens, &tokens.keys.verifying, &audience, app.clock.now(), ticket)?;
    let session = claims.sid.as_deref().map(|sid| SessionId::parse(sid).ok_or(Error::Unauthenticated)).transpose()?;
    let (expires_at, path) = (claims.expires_at()?, claims.about.ok_or(Error::Unauthenticated)?);
    Ok(Link { holder: claims.sub, session, path, expires_at })
}

/// Returns the audience of tickets. It always differs from the audience of access tokens.
fn audience_of(tokens: &TokenConfig, door: &str) -> String {
    format!("{} {door}", tokens.audience)
}

/// Returns the person of a token that the product signed itself. Every fault gets the same refusal, UNAUTHENTICATED.
pub fn verify(app: &App, token: &str) -> Result<Viewer> {
    let tokens = &app.config.tokens;
    let claims = claims(tokens, &tokens.keys.verifying, app.clock.now(), token)?;
    let proof = match &claims.sid {
        None => Credential::Token,
        Some(sid) => Credential::Session(SessionId::parse(sid).ok_or(Error::Unauthenticated)?),
    };
    let user = UserId::parse(&claims.sub).ok_or(Error::Unauthenticated)?;
    let scopes = Scopes::parse(claims.scope.as_deref().unwrap_or_default());
    Ok(Viewer { user, scopes, expires_at: claims.expires_at()?, proof, trusted_documents_only: false })
}

/// The part of a token's header that is read before the choice of a key.
#[derive(Deserialize)]
struct VerifiedClaims {
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// Returns the claims of a token that one of `keys` signed for this product. Refuses with UNAUTHENTICATED when the
/// token has expired or is not yet valid.
pub fn claims(tokens: &TokenConfig, keys: &[VerifyingKey], now: DateTime<Utc>, token: &str) -> Result<Claims> {
    claims_for(tokens, keys, &tokens.audience, now, token)
}

fn claims_for(
    tokens: &TokenConfig,
    keys: &[VerifyingKey],
    audience: &str,
    now: DateTime<Utc>,
    token: &str,
) -> Result<Claims> {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let seen: VerifiedClaims =
        header.and_then(|header| serde_json::from_slice(&header).ok()).ok_or(Error::Unauthenticated)?;
    // Critical extensions must be understood, and none is supported.
    if seen.crit.is_some() {
        return Err(Error::Unauthenticated);
    }
    let named = |key: &&VerifyingKey| seen.kid.is_none() || key.id.is_none() || key.id == seen.kid;
    let claims = keys.iter().filter(named).find_map(|key| {
        let mut validation = Validation::new(key.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&tokens.issuer]);
        validation.set_audience(&[audience]);
        validation.validate_exp = false;
        jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok()
    });
    let claims = claims.ok_or(Error::Unauthenticated)?.claims;
    // A token without a valid start date is refused.
    let begun = |date: NumericDate| date.time().is_some_and(|time| time <= now + SKEW);
    if claims.expires_at()? <= now || ![claims.nbf, claims.iat].into_iter().flatten().all(begun) {
        return Err(Error::Unauthenticated);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::NumericDate;

    #[test]
    fn a_date_may_have_a_fraction() -> anyhow::Result<()> {
        for (text, micros) in [
            ("1795891242", Some(1_795_891_242_000_000)),
            ("1795891242.5", Some(1_795_891_242_500_000)),
            ("1795891242.0", Some(1_795_891_242_000_000)),
            ("1.795891242e9", Some(1_795_891_242_000_000)),
            ("1795891242.123456789", Some(1_795_891_242_123_456)),
            ("0.25", Some(250_000)),
            ("1e300", None),
            ("9223372036854775807", None),
        ] {
            let date: NumericDate = serde_json::from_str(text)?;
            assert_eq!(date.time().map(|time| time.timestamp_micros()), micros, "{text}");
        }
        for bad in ["\"1795891242\"", "null", "[1]", "true"] {
            assert!(serde_json::from_str::<NumericDate>(bad).is_err(), "{bad}");
        }
        Ok(())
    }
}
