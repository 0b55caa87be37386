//! The keys of access tokens. Each key has one algorithm; what a token's header says chooses neither.

use std::{fmt, path::Path};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::{Digest as _, Sha256};

use super::Secret;

/// The keys of this deployment: the one that signs, and all whose tokens are taken.
#[derive(Clone)]
pub struct Keyring {
    pub signing: SigningKey,
    pub verifying: Vec<VerifyingKey>,
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    pub id: String,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

/// A key by which a signature is judged.
#[derive(Clone)]
pub struct VerifyingKey {
    /// `kid` of the tokens it signed.
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
    /// What others verify with; none for a shared secret.
    pub public: Option<Vec<u8>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("signing", &self.signing.id).finish_non_exhaustive()
    }
}

/// Names a key by what it is made of, without telling it.
fn name(material: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rapport key id");
    hash.update(material);
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}

impl Keyring {
    /// Shared secrets (HS256): the present one, and earlier ones whose tokens are still taken.
    #[must_use]
    pub fn hs256(secret: &Secret, previous: &[Secret]) -> Self {
        let verifying = std::iter::once(secret).chain(previous).map(|secret| {
            let bytes = secret.expose().as_bytes();
            VerifyingKey {
                id: Some(name(bytes)),
                algorithm: Algorithm::HS256,
                key: DecodingKey::from_secret(bytes),
                public: None,
            }
        });
        let bytes = secret.expose().as_bytes();
        let signing = SigningKey { id: name(bytes), algorithm: Algorithm::HS256, key: EncodingKey::from_secret(bytes) };
        Self { signing, verifying: verifying.collect() }
    }

    /// Ed25519 keys (EdDSA): the present one as PKCS#8 in PEM, and earlier public ones as PEM.
    pub fn eddsa(private: &Path, previous: &[&Path]) -> Result<Self, String> {
        let der = pem(private, "PRIVATE KEY")?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|_| format!("{} holds no Ed25519 key", private.display()))?;
        let public = pair.public_key().as_ref().to_vec();
        let signing =
            SigningKey { id: name(&public), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&der) };
        let mut verifying = vec![ed25519(public)];
        for path in previous {
            let der = pem(path, "PUBLIC KEY")?;
            // The key stands at the end of its description, which is the same for all keys of this kind.
            let Some(at) = der.len().checked_sub(32).filter(|at| *at == 12) else {
                return Err(format!("{} holds no Ed25519 key", path.display()));
            };
            verifying.push(ed25519(der[at..].to_vec()));
        }
        Ok(Self { signing, verifying })
    }

    /// The public keys as a JWK set, for who verifies the tokens elsewhere.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let keys = self.verifying.iter().filter_map(|key| {
            let public = key.public.as_ref()?;
            Some(serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key.id, "x": URL_SAFE_NO_PAD.encode(public),
            }))
        });
        serde_json::json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

fn ed25519(public: Vec<u8>) -> VerifyingKey {
    VerifyingKey {
        id: Some(name(&public)),
        algorithm: Algorithm::EdDSA,
        key: DecodingKey::from_ed_der(&public),
        public: Some(public),
    }
}

/// The bytes between the lines of a PEM file.
fn pem(path: &Path, label: &str) -> Result<Vec<u8>, String> {
    let cannot = |why: &str| format!("{} {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|_| cannot("cannot be read"))?;
    let body = text
        .split_once(&format!("-----BEGIN {label}-----"))
        .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")))
        .ok_or_else(|| cannot(&format!("holds no {label} in PEM")))?
        .0;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map_err(|_| cannot("is not PEM"))
}
