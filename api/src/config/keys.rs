//! The keys of access tokens. Each key has one algorithm, and the header of a token cannot choose another.

use std::{fmt, path::Path};

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rustls_pki_types::{
    PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer,
    pem::{self, PemObject},
};
use sha2::{Digest as _, Sha256};

use super::{Secret, raw_settings::RawSettings};

/// The key that signs tokens in development. It is public, and production refuses it.
const DEVELOPMENT_SECRET: &str = "rapport-development-secret-do-not-use";

/// The keys of this deployment: one that signs, and all that verify.
#[derive(Clone)]
pub struct Keyring {
    /// The key that signs new tokens.
    pub signing: SigningKey,
    /// The keys whose tokens are accepted.
    pub verifying: Vec<VerifyingKey>,
    /// The keys of digests. Digests recognize values that must not be revealed, such as the networks of sign-ins. The
    /// first belongs to the signing key, and the others to earlier secrets.
    pub hiding: Vec<hmac::Key>,
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    /// The `kid` of the tokens.
    pub id: String,
    /// The algorithm of the signature.
    pub algorithm: Algorithm,
    /// The key material.
    pub key: EncodingKey,
}

/// A key that verifies signatures.
#[derive(Clone)]
pub struct VerifyingKey {
    /// The `kid` of the tokens that it signed.
    pub id: Option<String>,
    /// The only algorithm that is accepted with this key.
    pub algorithm: Algorithm,
    /// The key material.
    pub key: DecodingKey,
    /// The public key for other verifiers. None for a shared secret.
    pub public: Option<Vec<u8>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("signing", &self.signing.id).finish_non_exhaustive()
    }
}

/// Derives the id of a key from its material without revealing it.
fn name(material: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rapport key id");
    hash.update(material);
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}

/// Derives a key for digests from a secret that is stored outside the database. Neither reveals the other.
fn hiding(material: &[u8]) -> hmac::Key {
    let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, material), b"rapport key for digests");
    hmac::Key::new(hmac::HMAC_SHA256, made.as_ref())
}

impl Keyring {
    /// Derives a secret of 256 bits from a text, once with each key of digests. A repeated call derives the secret of
    /// the first one. Nobody can derive it without the keys, even if they know the text.
    pub fn derive_secrets<'a>(&'a self, text: &'a str) -> impl Iterator<Item = String> + use<'a> {
        self.hiding.iter().map(move |key| {
            let mut derived = hmac::Context::with_key(key);
            derived.update(b"rapport secret of a call");
            derived.update(text.as_bytes());
            URL_SAFE_NO_PAD.encode(derived.sign())
        })
    }

    /// Reads the keys. The signing key is a secret (HS256) or an Ed25519 key (EdDSA). Earlier keys of both kinds are
    /// accepted beside it, so that a deployment can change the kind and keep its users signed in.
    pub(super) fn read(given: &RawSettings, development: bool) -> anyhow::Result<Self> {
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
                        Err("conflicts with RAPPORT_JWT_PRIVATE_KEY, which signs tokens; to keep its tokens accepted, \
                              move it to RAPPORT_JWT_PREVIOUS_SECRETS"
                            .to_owned())
                    }
                })?;
                given.read("RAPPORT_JWT_PRIVATE_KEY", |path| {
                    Self::eddsa(Path::new(path)).map_err(|why| format!("is not a signing key: {why}"))
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

    /// Creates the keys of a shared secret.
    fn hs256(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        let signing = SigningKey { id: name(bytes), algorithm: Algorithm::HS256, key: EncodingKey::from_secret(bytes) };
        Self { signing, verifying: vec![shared(secret)], hiding: vec![hiding(bytes)] }
    }

    /// Reads an Ed25519 key in PKCS#8 PEM format.
    fn eddsa(private: &Path) -> Result<Self, String> {
        let key: PrivatePkcs8KeyDer<'_> = pem(private, "PRIVATE KEY")?;
        let der = key.secret_pkcs8_der();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| format!("{} contains no Ed25519 key", private.display()))?;
        let public = pair.public_key().as_ref().to_vec();
        let signing = SigningKey { id: name(&public), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(der) };
        Ok(Self { signing, verifying: vec![ed25519(public)], hiding: vec![hiding(der)] })
    }

    /// Returns the public keys as a JWK set, for other verifiers of the tokens.
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

/// Splits a list with commas.
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

/// Reads an Ed25519 public key in PEM format.
fn public(path: &Path) -> Result<VerifyingKey, String> {
    let der: SubjectPublicKeyInfoDer<'_> = pem(path, "PUBLIC KEY")?;
    // The key is the end of the DER form, whose beginning is equal for all Ed25519 keys.
    let at = der.len().checked_sub(32).filter(|at| *at == 12);
    let at = at.ok_or_else(|| format!("{} contains no Ed25519 key", path.display()))?;
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

/// Reads the first section of a kind in a PEM file (RFC 7468).
fn pem<T: PemObject>(path: &Path, what: &str) -> Result<T, String> {
    T::from_pem_file(path).map_err(|error| {
        let why = match error {
            pem::Error::Io(_) => "cannot be read".to_owned(),
            pem::Error::NoItemsFound => format!("contains no {what} in PEM"),
            _ => "is not PEM".to_owned(),
        };
        format!("{} {why}", path.display())
    })
}
