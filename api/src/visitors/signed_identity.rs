//! Visitor identities that a web site signs. The site signs its own id of a visitor with the secret of the entry
//! point, so that the visitor is the same customer on every device. Details without a signature are not verified.

use async_graphql::InputObject;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use entity::entry_point;

use crate::{
    contacts::detail_validation::{self, FieldPath},
    conversations::customers::{CustomerDetails, MAX_NAME},
    entry_points::pre_chat_form,
    error::{Error, Result, UserErrorCode},
    sealing::{IDENTITY_SECRET, SealingKeys},
};

/// A visitor's identity, signed by the web site.
#[derive(Clone, Debug, InputObject)]
pub struct VisitorIdentityInput {
    /// The site's own id of the visitor, 1 to 200 characters.
    pub external_id: String,
    /// The time at which the signature expires, in seconds since 1970-01-01T00:00:00Z.
    pub expires: i64,
    /// The HMAC-SHA256 of `externalId`, a full stop and `expires`, in 64 hexadecimal digits, for example of
    /// `42.1767225600`. The key is the secret of the entry point. The site's server makes the signature, never the
    /// page.
    #[graphql(secret)]
    pub signature: String,
    /// The visitor's name, at most 200 characters. Not signed.
    pub name: Option<String>,
    /// The visitor's e-mail address. Not signed.
    pub email: Option<String>,
}

/// Maximum length of an external id, in characters.
const MAX_ID: usize = 200;

const EXTERNAL_ID: FieldPath = &["input", "identity", "externalId"];

/// A visitor whose signature was verified.
#[derive(Clone, Debug)]
pub struct SignedIdentity {
    /// The site's own id of the visitor.
    pub external_id: String,
    /// The visitor's details, which are not signed.
    pub about: CustomerDetails,
}

/// Verifies a signed identity. Refuses with `NOT_ALLOWED` if the signature is wrong or has expired. Refuses with
/// `INVALID` if the id or a detail breaks its limits.
pub fn verify(
    keys: &SealingKeys,
    entry_point: &entry_point::Model,
    given: &VisitorIdentityInput,
    now: DateTime<Utc>,
) -> Result<SignedIdentity> {
    let not_allowed = |path: FieldPath, why: &'static str| Error::refused(UserErrorCode::NotAllowed, path, why);
    let sealed = entry_point.identity_secret.as_ref();
    // With an empty secret, everyone could sign.
    let secret = sealed.and_then(|sealed| keys.open(IDENTITY_SECRET, entry_point.id.0, sealed));
    let secret = secret.filter(|secret| !secret.is_empty());
    let holds = secret.is_some_and(|secret| {
        let tag = hex::decode(&given.signature).unwrap_or_default();
        let signed = signed(&given.external_id, given.expires);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes(), &tag).is_ok()
    });
    if !holds {
        return Err(not_allowed(&["input", "identity", "signature"], "The signature is not valid."));
    }
    if given.expires <= now.timestamp() {
        return Err(not_allowed(&["input", "identity", "expires"], "The signature has expired."));
    }
    // The id must be what was signed, including spaces.
    let id = detail_validation::line(&given.external_id, EXTERNAL_ID, MAX_ID)?.filter(|id| *id == given.external_id);
    let Some(external_id) = id else {
        let why = format!("An external id has 1 to {MAX_ID} characters, with no space at the beginning or end.");
        return Err(Error::refused(UserErrorCode::Invalid, EXTERNAL_ID, why));
    };
    let about = CustomerDetails {
        name: detail_validation::optional(given.name.as_deref(), &["input", "identity", "name"], MAX_NAME)?,
        email: match given.email.as_deref() {
            Some(email) => pre_chat_form::email(email, &["input", "identity", "email"])?,
            None => None,
        },
        phone: None,
    };
    Ok(SignedIdentity { external_id, about })
}

/// Returns the text that a site signs.
fn signed(external_id: &str, expires: i64) -> String {
    format!("{external_id}.{expires}")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::signed;

    /// From `printf 42.1767225600 | openssl dgst -sha256 -hmac secret`.
    const KNOWN: &str = "e459444a381fdde86c4fae1235972eff2f60397c4eef1bbb2891e43e88d63d35";

    #[test]
    fn a_signature_is_what_other_programs_make() {
        let tag = hex::decode(KNOWN).expect("digits");
        let valid = |secret: &str, id: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::verify(&key, signed(id, 1_767_225_600).as_bytes(), &tag).is_ok()
        };
        assert!(valid("secret", "42"));
        assert!(!valid("secret", "4") && !valid("secret2", "42"));
    }
}
