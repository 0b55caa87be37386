//! The outside issuer. Its keys are fetched at the start and at intervals, and never because a client names one.

use std::time::Duration;

use entity::user::{self, UserStatus};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::RwLock;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use super::{
    jwt,
    viewer::{Credential, Scopes, Viewer},
};
use crate::{
    app::App,
    config::keys::VerifyingKey,
    error::{Error, Result},
};

/// The maximum time for the issuer's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The maximum length of the key list, in bytes.
const LONGEST: usize = 256 << 10;

/// The keys of the issuer, as they were fetched last.
#[derive(Default)]
pub struct ExternalIssuer {
    keys: RwLock<Vec<VerifyingKey>>,
}

impl ExternalIssuer {
    /// Fetches the keys at the interval `every` until shutdown. After a failed fetch the earlier keys stay valid.
    pub async fn keep_fresh(&self, app: &App, url: &str, every: Duration) {
        loop {
            match fetch(url).await {
                Ok(keys) => *self.keys.write() = keys,
                Err(error) => {
                    tracing::warn!(cause = format!("{error:#}"), "the keys of the issuer could not be fetched");
                }
            }
            tokio::select! { () = app.shutdown.cancelled() => return, () = tokio::time::sleep(every) => {} }
        }
    }

    /// Returns true once keys are known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.keys.read().is_empty()
    }

    /// Returns the person of a token. `sub` is an id or a handle, and `scope` narrows the scopes of the person's role.
    /// Refuses with UNAUTHENTICATED.
    pub async fn verify(&self, app: &App, token: &str) -> Result<Viewer> {
        let keys = self.keys.read().clone();
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
        let expires_at = claims.expires_at()?;
        let proof = Credential::Token;
        Ok(Viewer { user: person.id, scopes, expires_at, proof, trusted_documents_only: false })
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
    let set: KeySet = serde_json::from_slice(&body)?;
    let keys: Vec<VerifyingKey> = set.keys.iter().filter_map(verifying).collect();
    anyhow::ensure!(!keys.is_empty(), "the list has no key for RS256, ES256 or EdDSA");
    Ok(keys)
}

/// A list of unparsed keys. Keys of unknown types do not invalidate the other keys (RFC 7517, section 5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// Parses one key. Returns none when the key is not for verification or its type is unknown. `alg` is optional (RFC
/// 7517, section 4.4), so a key without it has the algorithm of its type.
fn verifying(entry: &serde_json::Value) -> Option<VerifyingKey> {
    let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
    let signs = entry.get("use").is_none_or(|used| used.is_null() || used == "sig");
    let verifies = entry.get("key_ops").is_none_or(|operations| {
        operations.is_null() || operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
    });
    let algorithm = match (text("kty")?, text("crv")) {
        ("RSA", _) => Algorithm::RS256,
        ("EC", Some("P-256")) => Algorithm::ES256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDSA,
        _ => return None,
    };
    let named = match entry.get("alg") {
        None | Some(serde_json::Value::Null) => true,
        Some(name) => match algorithm {
            Algorithm::RS256 => name == "RS256",
            Algorithm::ES256 => name == "ES256",
            // RFC 9864 gives EdDSA with this curve its own name.
            _ => name == "EdDSA" || name == "Ed25519",
        },
    };
    if !(signs && verifies && named) {
        return None;
    }
    let bytes = |name: &str| text(name).filter(|value| !value.is_empty());
    let key = match algorithm {
        Algorithm::RS256 => DecodingKey::from_rsa_components(bytes("n")?, bytes("e")?),
        Algorithm::ES256 => DecodingKey::from_ec_components(bytes("x")?, bytes("y")?),
        _ => DecodingKey::from_ed_components(bytes("x")?),
    };
    Some(VerifyingKey { id: text("kid").map(str::to_owned), algorithm, key: key.ok()?, public: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Algorithm, verifying};

    #[test]
    fn a_key_verifies_by_its_kind_and_only_if_it_is_for_that() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let rsa = json!({ "kty": "RSA", "n": x, "e": "AQAB" });
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x });
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        let with = |key: &serde_json::Value, name: &str, value: serde_json::Value| {
            let mut key = key.clone();
            key[name] = value;
            verifying(&key).map(|key| key.algorithm)
        };
        for (key, algorithm, name) in
            [(&rsa, Algorithm::RS256, "RS256"), (&ec, Algorithm::ES256, "ES256"), (&ed, Algorithm::EdDSA, "EdDSA")]
        {
            for (parameter, value) in [
                ("kid", json!("1")),
                ("alg", json!(name)),
                ("alg", json!(null)),
                ("use", json!("sig")),
                ("key_ops", json!(["verify"])),
                ("key_ops", json!(["sign", "verify"])),
                ("x5c", json!(["MIID"])),
            ] {
                assert_eq!(with(key, parameter, value.clone()), Some(algorithm), "{name} {parameter} {value}");
            }
            for (parameter, value) in [
                ("alg", json!("RSA-OAEP")),
                ("alg", json!("none")),
                ("alg", json!("HS256")),
                ("alg", json!("PS512")),
                ("use", json!("enc")),
                ("key_ops", json!(["encrypt", "wrapKey"])),
                ("key_ops", json!([])),
                ("kty", json!("oct")),
                ("kty", json!(1)),
            ] {
                assert_eq!(with(key, parameter, value.clone()), None, "{name} {parameter} {value}");
            }
        }
        assert_eq!(with(&ed, "alg", json!("Ed25519")), Some(Algorithm::EdDSA));
        for (key, curve) in [(&ec, "P-384"), (&ec, "secp256k1"), (&ed, "X25519"), (&ed, "Ed448")] {
            assert_eq!(with(key, "crv", json!(curve)), None, "{curve}");
        }
    }
}
