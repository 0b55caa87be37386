//! Passwords: argon2id with the crate's recommended cost, computed apart from the threads that serve. Comparison
//! follows OpaqueString (RFC 8265), so different compositions of a letter and different spaces are equal.

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use icu_normalizer::ComposingNormalizer;
use icu_properties::{CodePointMapData, props::GeneralCategory};

use crate::{
    error::{Error, Result},
    rate_limit::hashing::QueuedSlot,
};

/// Normalizes a password for hashing (RFC 8265, section 4.2.1). Every space becomes U+0020, and letters are composed
/// (NFC). Case and width stay.
#[must_use]
pub fn normalise(password: &str) -> String {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let spaced = |c: char| if categories.get(c) == GeneralCategory::SpaceSeparator { ' ' } else { c };
    ComposingNormalizer::new_nfc().normalize_iter(password.chars().map(spaced)).collect()
}

/// Hashes a password into PHC form. Waits for a hashing slot.
pub async fn hash(password: String, queued: QueuedSlot) -> Result<String> {
    let permit = queued.acquire().await.map_err(Error::internal)?;
    let hashed = tokio::task::spawn_blocking(move || {
        // The permit lasts until the hash is done, even when the caller has left.
        let _permit = permit;
        Argon2::default().hash_password(normalise(&password).as_bytes()).map(|hash| hash.to_string())
    });
    hashed.await.map_err(Error::internal)?.map_err(|error| Error::internal(anyhow::anyhow!("hashing failed: {error}")))
}

/// Returns true when the password matches the hash. Waits for a hashing slot. Without a hash it does the same work and
/// returns false, so that the time does not reveal whether an account exists. Earlier hashes were made from passwords
/// as typed. So a password that changes in normalization is also tried as typed.
pub async fn verify(password: String, hash: Option<String>, queued: QueuedSlot) -> Result<bool> {
    let permit = queued.acquire().await.map_err(Error::internal)?;
    let verified = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let normalised = normalise(&password);
        let matches = one(&normalised, hash.as_deref());
        if normalised == password {
            return matches;
        }
        // Both forms are always tried, so that the time does not reveal which form matched.
        one(&password, hash.as_deref()) || matches
    });
    verified.await.map_err(Error::internal)
}

fn one(password: &str, hash: Option<&str>) -> bool {
    let Some(hash) = hash else {
        drop(Argon2::default().hash_password(password.as_bytes()));
        return false;
    };
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordHasher as _};

    use super::{hash, normalise, verify};
    use crate::rate_limit::hashing::HashingSlots;

    #[test]
    fn letters_are_composed_and_spaces_are_one_kind() {
        for (typed, kept) in [
            ("pa\u{308}sswo\u{308}rtlich-n\u{303}", "p\u{e4}ssw\u{f6}rtlich-\u{f1}"),
            ("correct\u{a0}horse\u{3000}battery\u{2009}x", "correct horse battery x"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("\u{212b}ngstr\u{f6}m", "\u{c5}ngstr\u{f6}m"),
            // Case and width count.
            ("\u{ff30}\u{ff37} Pw \u{fb01}", "\u{ff30}\u{ff37} Pw \u{fb01}"),
        ] {
            assert_eq!(normalise(typed), kept, "{typed}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_before_is_matched_as_it_was_typed() -> anyhow::Result<()> {
        let (typed, turns) = ("pa\u{308}sswort\u{a0}lang", HashingSlots::default());
        let matches =
            async |password: &str, hash: &str| verify(password.to_owned(), Some(hash.to_owned()), turns.known()).await;
        for typed in [typed, "\u{212b}ngstro\u{308}m unit", "\u{1112}\u{1161}\u{11ab}\u{3000}key"] {
            let before =
                Argon2::default().hash_password(typed.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
            assert!(matches!(matches(typed, &before.to_string()).await, Ok(true)), "{typed}");
            assert!(matches!(matches("other", &before.to_string()).await, Ok(false)), "{typed}");
        }
        let Ok(now) = hash(typed.to_owned(), turns.known()).await else { anyhow::bail!("no hash") };
        for other in ["p\u{e4}sswort lang", "pa\u{308}sswort lang", "p\u{e4}sswort\u{2003}lang"] {
            assert!(matches!(matches(other, &now).await, Ok(true)), "{other}");
        }
        assert!(matches!(matches("P\u{e4}sswort lang", &now).await, Ok(false)));
        Ok(())
    }
}
