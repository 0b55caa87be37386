//! Access tokens: JWT, signed with HS256 and nothing else, whatever a token's header says. `exp`, `iss`, `aud` and `sub`
//! are required; expiry is judged by the product's clock.

use chrono::{DateTime, Duration, Utc};
use entity::id::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::viewer::{Scopes, Viewer};
use crate::{
    app::App,
    error::{Error, Result},
};

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    scope: String,
}

/// A signed token and when it ends.
pub struct AccessToken {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

/// Signs a token for a person.
pub fn issue(app: &App, user: UserId, scopes: Scopes, lifetime: std::time::Duration) -> Result<AccessToken> {
    let tokens = &app.config.tokens;
    let now = app.clock.now();
    let lifetime = Duration::from_std(lifetime).map_err(Error::internal)?;
    let expires_at = DateTime::from_timestamp((now + lifetime).timestamp(), 0).unwrap_or(now);
    let claims = Claims {
        sub: user.to_string(),
        iss: tokens.issuer.clone(),
        aud: tokens.audience.clone(),
        iat: now.timestamp(),
        exp: expires_at.timestamp(),
        scope: scopes.to_string(),
    };
    let key = EncodingKey::from_secret(tokens.secret.expose().as_bytes());
    let text = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::internal)?;
    Ok(AccessToken { text, expires_at })
}

/// Reads a token; anything wrong with it is the same refusal.
pub fn verify(app: &App, token: &str) -> Result<Viewer> {
    let tokens = &app.config.tokens;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&tokens.issuer]);
    validation.set_audience(&[&tokens.audience]);
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(tokens.secret.expose().as_bytes());
    let claims: Claims = jsonwebtoken::decode(token, &key, &validation).map_err(|_| Error::Unauthenticated)?.claims;
    let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(Error::Unauthenticated)?;
    if expires_at <= app.clock.now() {
        return Err(Error::Unauthenticated);
    }
    let user = UserId::parse(&claims.sub).ok_or(Error::Unauthenticated)?;
    Ok(Viewer { user, scopes: Scopes::parse(&claims.scope), expires_at })
}
