//! Passwords: argon2id with the crate's recommended cost, computed away from the threads that serve. A password is compared
//! by the rules of OpaqueString (RFC 8265): however a keyboard composes its letters, and whichever space it types.

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use icu_normalizer::ComposingNormalizer;
use icu_properties::{CodePointMapData, props::GeneralCategory};

use crate::{
    error::{Error, Result},
    throttle::turns::Queued,
};

/// A password in the form that is hashed (RFC 8265, section 4.2.1): every space is U+0020, letters are composed (NFC).
/// Case and width stay as they are.
#[must_use]
pub fn normalise(password: &str) -> String {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let spaced = |c: char| if categories.get(c) == GeneralCategory::SpaceSeparator { ' ' } else { c };
    ComposingNormalizer::new_nfc().normalize_iter(password.chars().map(spaced)).collect()
}

/// Hashes a password into PHC form.
pub async fn hash(password: String, queued: Queued) -> Result<String> {
    let turn = queued.turn().await.map_err(Error::internal)?;
    let hashed = tokio::task::spawn_blocking(move || {
        // Until it is done, also when nobody waits for it any more.
        let _turn = turn;
        Argon2::default().hash_password(normalise(&password).as_bytes()).map(|hash| hash.to_string())
    });
    hashed.await.map_err(Error::internal)?.map_err(|error| Error::internal(anyhow::anyhow!("hashing failed: {error}")))
}

/// Whether a password matches. Without a hash the same work is done and the answer is no, so that the time taken does
/// not tell whether an account exists. A password that changes when it is normalised gets a second try as it was typed,
/// because earlier hashes were made of that.
pub async fn verify(password: String, hash: Option<String>, queued: Queued) -> Result<bool> {
    let turn = queued.turn().await.map_err(Error::internal)?;
    let verified = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let normalised = normalise(&password);
        let matches = one(&normalised, hash.as_deref());
        if normalised == password {
            return matches;
        }
        // Always both, because the time taken must not tell which of them matched.
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
    use crate::throttle::turns::Turns;

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
        let (typed, turns) = ("pa\u{308}sswort\u{a0}lang", Turns::default());
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
