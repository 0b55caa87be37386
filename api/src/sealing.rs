//! The encryption of secrets that must be readable again, such as the signing secrets of webhooks. A secret is sealed
//! with AES-256-GCM for one row and one column, so that a copy in another place does not open. The first key seals. The
//! others open what was sealed before a change of the key.

use std::{fmt, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entity::sealed::Sealed;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The length of a key, in bytes.
const KEY_LENGTH: usize = 32;

/// A column with sealed texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// The name of the table.
    pub table: &'static str,
    /// The name of the column.
    pub column: &'static str,
}

/// The secret with which a web site signs the identity of its visitors.
pub const IDENTITY_SECRET: SealedColumn = SealedColumn { table: "entry_point", column: "identity_secret" };

/// All columns with sealed texts.
pub const SEALED_COLUMNS: [SealedColumn; 1] = [IDENTITY_SECRET];

/// The sealing keys of a deployment.
#[derive(Clone)]
pub struct SealingKeys(Arc<[SealingKey]>);

struct SealingKey {
    id: String,
    key: RandomizedNonceKey,
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl SealingKeys {
    /// Parses keys of 32 bytes in base64, separated by commas. The first one seals. The error is a sentence without a
    /// subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(|key| {
            let bytes = STANDARD.decode(key).ok().filter(|bytes| bytes.len() == KEY_LENGTH);
            let bytes = bytes.ok_or_else(|| format!("contains a key that is not {KEY_LENGTH} bytes in base64"))?;
            Ok(SealingKey {
                id: key_id(&bytes),
                key: RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| "contains a bad key".to_owned())?,
            })
        });
        let keys = keys.collect::<Result<Vec<_>, String>>()?;
        if keys.is_empty() { Err("contains no key".to_owned()) } else { Ok(Self(keys.into())) }
    }

    /// Derives the public key of development.
    #[must_use]
    pub fn of_development() -> Option<Self> {
        Self::parse(&STANDARD.encode(Sha256::digest(b"rapport development sealing key, do not use"))).ok()
    }

    /// Seals a text for a column of the row with an id. None if the random numbers of the system fail.
    #[must_use]
    pub fn seal(&self, column: SealedColumn, row: Uuid, text: &str) -> Option<Sealed> {
        let key = self.0.first()?;
        let mut sealed = text.as_bytes().to_vec();
        let nonce = key.key.seal_in_place_append_tag(Aad::from(place(column, row)), &mut sealed).ok()?;
        let mut stored = nonce.as_ref().to_vec();
        stored.extend(sealed);
        Some(Sealed(format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(stored))))
    }

    /// Opens a sealed text of a column of the row with an id. None if it was sealed for another place or with a key
    /// that the deployment does not have.
    #[must_use]
    pub fn open(&self, column: SealedColumn, row: Uuid, sealed: &Sealed) -> Option<String> {
        let (id, stored) = sealed.0.split_once('.')?;
        let key = self.0.iter().find(|key| key.id == id)?;
        let mut stored = URL_SAFE_NO_PAD.decode(stored).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(stored.get(..NONCE_LEN)?).ok()?;
        let text = key.key.open_in_place(nonce, Aad::from(place(column, row)), &mut stored[NONCE_LEN..]).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// Returns the beginning of every text that the present key sealed.
    #[must_use]
    pub fn current_prefix(&self) -> String {
        self.0.first().map_or_else(String::new, |key| format!("{}.", key.id))
    }
}

/// Returns the place of a sealed text, which its encryption authenticates.
fn place(column: SealedColumn, row: Uuid) -> String {
    format!("{}.{} {row}", column.table, column.column)
}

/// Derives the id of a key from its bytes without revealing them.
fn key_id(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rapport sealing key id");
    hash.update(bytes);
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..6])
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use uuid::Uuid;

    use super::{IDENTITY_SECRET, SealedColumn, SealingKeys};

    const ROW: Uuid = Uuid::from_u128(7);

    fn keys(of: &[u8]) -> SealingKeys {
        let listed: Vec<String> = of.iter().map(|byte| STANDARD.encode([*byte; 32])).collect();
        SealingKeys::parse(&listed.join(", ")).expect("keys")
    }

    #[test]
    fn a_text_opens_in_its_own_place_only() {
        let keys = keys(&[1]);
        let sealed = keys.seal(IDENTITY_SECRET, ROW, "비밀").expect("sealed");
        assert_eq!(keys.open(IDENTITY_SECRET, ROW, &sealed).as_deref(), Some("비밀"));
        assert_eq!(keys.open(IDENTITY_SECRET, Uuid::from_u128(8), &sealed), None);
        let other = SealedColumn { table: "entry_point", column: "name" };
        assert_eq!(keys.open(other, ROW, &sealed), None);
        assert!(!sealed.0.contains("비밀") && format!("{sealed:?}") == "***");
    }

    #[test]
    fn every_changed_bit_is_noticed_and_no_two_sealings_are_equal() {
        let keys = keys(&[1]);
        let sealed = keys.seal(IDENTITY_SECRET, ROW, "a secret").expect("sealed");
        assert_ne!(keys.seal(IDENTITY_SECRET, ROW, "a secret"), Some(sealed.clone()));
        for at in 0..sealed.0.len() {
            let mut bytes = sealed.0.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = entity::sealed::Sealed(String::from_utf8(bytes).expect("ASCII"));
            // The last character of base64 has bits that count for nothing.
            if at + 1 < sealed.0.len() {
                assert_eq!(keys.open(IDENTITY_SECRET, ROW, &changed), None, "changed at {at}");
            }
        }
        for odd in ["", ".", "x.", "x.y", "비.밀"] {
            assert_eq!(keys.open(IDENTITY_SECRET, ROW, &entity::sealed::Sealed(odd.to_owned())), None);
        }
    }

    #[test]
    fn an_earlier_key_opens_and_the_first_one_seals() {
        let old = keys(&[1]).seal(IDENTITY_SECRET, ROW, "x").expect("sealed");
        let changed = keys(&[2, 1]);
        assert_eq!(changed.open(IDENTITY_SECRET, ROW, &old).as_deref(), Some("x"));
        let new = changed.seal(IDENTITY_SECRET, ROW, "x").expect("sealed");
        assert!(new.0.starts_with(&changed.current_prefix()) && !old.0.starts_with(&changed.current_prefix()));
        assert_eq!(keys(&[2]).open(IDENTITY_SECRET, ROW, &new).as_deref(), Some("x"));
        assert_eq!(keys(&[2]).open(IDENTITY_SECRET, ROW, &old), None);
    }

    #[test]
    fn a_key_is_32_bytes() {
        for bad in ["", " , ", "x", "AAAA", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert!(SealingKeys::parse(bad).is_err(), "{bad}");
        }
    }
}
