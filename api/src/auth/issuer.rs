//! An outside issuer: its keys are fetched at the start and again and again, never because a client names one.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use entity::user::{self, UserStatus};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{JwkSet, KeyAlgorithm},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    jwt,
    viewer::{Proof, Scopes, Viewer},
};
use crate::{
    app::App,
    config::keys::VerifyingKey,
    error::{Error, Result},
};

/// How long the issuer may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The longest list of keys that is read, in bytes.
const LONGEST: usize = 256 << 10;

/// The keys as they were fetched last.
#[derive(Default)]
pub struct Outside {
    keys: RwLock<Vec<VerifyingKey>>,
}

impl Outside {
    /// Fetches the keys every so often; what could not be fetched leaves the earlier ones in force.
    pub async fn keep_fresh(&self, app: &App, url: &str, every: Duration) {
        loop {
            match fetch(url).await {
                Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys,
                Err(error) => {
                    tracing::warn!(cause = format!("{error:#}"), "the keys of the issuer could not be fetched");
                }
            }
            tokio::select! { () = app.shutdown.cancelled() => return, () = tokio::time::sleep(every) => {} }
        }
    }

    /// Whether any keys are known yet.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.keys.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The person of a token: `sub` is an id or a handle, `scope` narrows what the person's role allows.
    pub async fn verify(&self, app: &App, token: &str) -> Result<Viewer> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        let claims = jwt::claims(&app.config.tokens, &keys, app.clock.now(), token)?;
        if claims.sub.contains('\0') {
            return Err(Error::Unauthenticated);
        }
        let person = match entity::id::UserId::parse(&claims.sub) {
            Some(id) => user::Entity::find_by_id(id),
            None => user::Entity::find().filter(user::Column::Handle.eq(claims.sub.to_lowercase())),
        };
        let person = person.one(app.db.read()).await?.filter(|person| person.status == UserStatus::Active);
        let person = person.ok_or(Error::Unauthenticated)?;
        let allowed = Scopes::of(person.role);
        let scopes = claims.scope.as_deref().map_or(allowed, |asked| Scopes::parse(asked).and(allowed));
        Ok(Viewer { user: person.id, scopes, expires_at: claims.expires_at()?, proof: Proof::Token })
    }
}

async fn fetch(url: &str) -> anyhow::Result<Vec<VerifyingKey>> {
    let client =
        reqwest::Client::builder().timeout(ANSWER_WITHIN).redirect(reqwest::redirect::Policy::none()).build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        body.extend_from_slice(&part);
        anyhow::ensure!(body.len() <= LONGEST, "the list is longer than {LONGEST} bytes");
    }
    let set: JwkSet = serde_json::from_slice(&body)?;
    let keys: Vec<VerifyingKey> = set
        .keys
        .iter()
        .filter_map(|jwk| {
            let algorithm = match jwk.common.key_algorithm? {
                KeyAlgorithm::RS256 => Algorithm::RS256,
                KeyAlgorithm::ES256 => Algorithm::ES256,
                KeyAlgorithm::EdDSA => Algorithm::EdDSA,
                _ => return None,
            };
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some(VerifyingKey { id: jwk.common.key_id.clone(), algorithm, key, public: None })
        })
        .collect();
    anyhow::ensure!(!keys.is_empty(), "it holds no key for RS256, ES256 or EdDSA that names its algorithm");
    Ok(keys)
}
