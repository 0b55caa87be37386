//! Access tokens: JWT. Each key verifies by its own algorithm and nothing else, whatever a token's header says. `exp`,
//! `iss`, `aud` and `sub` are required; time is judged by the product's clock.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entity::id::{SessionId, UserId};
use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};

use super::viewer::{Proof, Scopes, Viewer};
use crate::{
    app::App,
    config::{TokenConfig, keys::VerifyingKey},
    error::{Error, Result},
};

/// How far the clock of an outside issuer may be ahead.
const SKEW: i64 = 60;

/// What a token says, as far as it concerns us.
#[derive(Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    iss: String,
    aud: serde_json::Value,
    #[serde(default)]
    iat: Option<i64>,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The session it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// Of a ticket: what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
}

impl Claims {
    pub fn expires_at(&self) -> Result<DateTime<Utc>> {
        DateTime::from_timestamp(self.exp, 0).ok_or(Error::Unauthenticated)
    }
}

/// A signed token and when it ends.
pub struct AccessToken {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

/// Signs a token for a person, of a session or of none.
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
        iat: Some(now.timestamp()),
        exp: expires_at.timestamp(),
        nbf: None,
        scope: Some(scopes.to_string()),
        sid: session.map(|session| session.to_string()),
        about: None,
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

/// Signs a ticket: it opens one door for one person and one thing, and is no access token, because it is for an audience of
/// its own.
pub fn issue_ticket(app: &App, door: &str, user: UserId, about: UserId, lifetime: Duration) -> Result<AccessToken> {
    let tokens = &app.config.tokens;
    let now = app.clock.now();
    let expires_at = DateTime::from_timestamp((now + lifetime).timestamp(), 0).unwrap_or(now);
    let claims = Claims {
        sub: user.to_string(),
        iss: tokens.issuer.clone(),
        aud: audience_of(tokens, door).into(),
        iat: Some(now.timestamp()),
        exp: expires_at.timestamp(),
        nbf: None,
        scope: None,
        sid: None,
        about: Some(about.to_string()),
    };
    sign(tokens, &claims, expires_at)
}

/// Reads a ticket for a door: who was given it, and what it is about. Anything wrong with it is the same refusal.
pub fn read_ticket(app: &App, door: &str, ticket: &str) -> Result<(UserId, UserId)> {
    let tokens = &app.config.tokens;
    let audience = audience_of(tokens, door);
    let claims = claims_for(tokens, &tokens.keys.verifying, &audience, app.clock.now(), ticket)?;
    let about = claims.about.as_deref().and_then(UserId::parse);
    UserId::parse(&claims.sub).zip(about).ok_or(Error::Unauthenticated)
}

/// Never that of access tokens.
fn audience_of(tokens: &TokenConfig, door: &str) -> String {
    format!("{} {door}", tokens.audience)
}

/// Reads a token of our own; anything wrong with it is the same refusal.
pub fn verify(app: &App, token: &str) -> Result<Viewer> {
    let tokens = &app.config.tokens;
    let claims = claims(tokens, &tokens.keys.verifying, app.clock.now(), token)?;
    let proof = match &claims.sid {
        None => Proof::Token,
        Some(sid) => Proof::Session(SessionId::parse(sid).ok_or(Error::Unauthenticated)?),
    };
    let user = UserId::parse(&claims.sub).ok_or(Error::Unauthenticated)?;
    let scopes = Scopes::parse(claims.scope.as_deref().unwrap_or_default());
    Ok(Viewer { user, scopes, expires_at: claims.expires_at()?, proof })
}

/// The part of a token's header that is looked at before any key is.
#[derive(Deserialize)]
struct Seen {
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// What a token says that one of these keys signed for us and that has neither ended nor is still to begin.
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
    let seen: Seen = header.and_then(|header| serde_json::from_slice(&header).ok()).ok_or(Error::Unauthenticated)?;
    // Extensions that must be understood are not.
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
    let begins = claims.nbf.unwrap_or(i64::MIN).max(claims.iat.unwrap_or(i64::MIN));
    if claims.expires_at()? <= now || begins > now.timestamp() + SKEW {
        return Err(Error::Unauthenticated);
    }
    Ok(claims)
}
