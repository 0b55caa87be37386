//! The keys of access tokens. Each key has one algorithm; what a token's header says chooses neither.

use std::{fmt, path::Path};

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::{Digest as _, Sha256};

use super::{Secret, given::Given};

/// The key that signs tokens in development, known to everybody and refused in production.
const DEVELOPMENT_SECRET: &str = "rapport-development-secret-do-not-use";

/// The keys of this deployment: the one that signs, and all whose tokens are taken.
#[derive(Clone)]
pub struct Keyring {
    pub signing: SigningKey,
    pub verifying: Vec<VerifyingKey>,
    /// Each makes digests of what is kept to be known again and must not be told, such as the networks of sign-ins. The
    /// first is of the key that signs, the others are of earlier secrets.
    pub hiding: Vec<hmac::Key>,
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

/// A key for digests, made of a secret that is kept outside the database. Nothing tells the one from the other.
fn hiding(material: &[u8]) -> hmac::Key {
    let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, material), b"rapport key for digests");
    hmac::Key::new(hmac::HMAC_SHA256, made.as_ref())
}

impl Keyring {
    /// The key that signs is a secret (HS256) or an Ed25519 key (EdDSA); earlier keys of both kinds are taken beside either,
    /// so that a deployment can go from the one to the other without signing anybody out.
    pub(super) fn read(given: &Given, development: bool) -> anyhow::Result<Self> {
        let understand = |text: &str| match text {
            DEVELOPMENT_SECRET if !development => Err("is the development secret".to_owned()),
            _ if text.len() < 32 => Err("is shorter than 32 bytes".to_owned()),
            _ => Ok(Secret::from(text)),
        };
        let mut keyring = match given.text("RAPPORT_JWT_PRIVATE_KEY").0.is_empty() {
            false => {
                given.read("RAPPORT_JWT_SECRET", |text| match text {
                    "" => Ok(()),
                    _ => {
                        Err("is not needed beside RAPPORT_JWT_PRIVATE_KEY, which signs; if its tokens are still to be \
                              taken, name it in RAPPORT_JWT_PREVIOUS_SECRETS"
                            .to_owned())
                    }
                })?;
                given.read("RAPPORT_JWT_PRIVATE_KEY", |path| {
                    Self::eddsa(Path::new(path)).map_err(|why| format!("is no key to sign with: {why}"))
                })?
            }
            true => Self::hs256(&given.read("RAPPORT_JWT_SECRET", |text| match text {
                "" if development => Ok(Secret::from(DEVELOPMENT_SECRET)),
                "" => Err("is missing, and production has no default".to_owned()),
                _ => understand(text),
            })?),
        };
        let secrets = given.read("RAPPORT_JWT_PREVIOUS_SECRETS", |text| {
            listed(text).map(understand).collect::<Result<Vec<_>, String>>()
        })?;
        let public = given.read("RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS", |text| {
            listed(text).map(|path| public(Path::new(path))).collect::<Result<Vec<_>, _>>()
        })?;
        keyring.verifying.extend(secrets.iter().map(shared));
        keyring.hiding.extend(secrets.iter().map(|secret| hiding(secret.expose().as_bytes())));
        keyring.verifying.extend(public);
        Ok(keyring)
    }

    /// A shared secret.
    fn hs256(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        let signing = SigningKey { id: name(bytes), algorithm: Algorithm::HS256, key: EncodingKey::from_secret(bytes) };
        Self { signing, verifying: vec![shared(secret)], hiding: vec![hiding(bytes)] }
    }

    /// An Ed25519 key, as PKCS#8 in PEM.
    fn eddsa(private: &Path) -> Result<Self, String> {
        let der = pem(private, "PRIVATE KEY")?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|_| format!("{} holds no Ed25519 key", private.display()))?;
        let public = pair.public_key().as_ref().to_vec();
        let signing =
            SigningKey { id: name(&public), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&der) };
        Ok(Self { signing, verifying: vec![ed25519(public)], hiding: vec![hiding(&der)] })
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

/// The parts of a list that is written with commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn shared(secret: &Secret) -> VerifyingKey {
    let bytes = secret.expose().as_bytes();
    VerifyingKey {
        id: Some(name(bytes)),
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(bytes),
        public: None,
    }
}

/// An Ed25519 public key, as PEM.
fn public(path: &Path) -> Result<VerifyingKey, String> {
    let der = pem(path, "PUBLIC KEY")?;
    // The key stands at the end of its description, which is the same for all keys of this kind.
    let at = der.len().checked_sub(32).filter(|at| *at == 12);
    let at = at.ok_or_else(|| format!("{} holds no Ed25519 key", path.display()))?;
    Ok(ed25519(der[at..].to_vec()))
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
