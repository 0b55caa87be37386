//! Who a visitor is, as the site itself says: it signs its own id of them with the secret of the entry point, so that they
//! are the same customer on every device. What is not signed is only said.

use async_graphql::InputObject;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use entity::{entry_point, id::EntryPointId};
use subtle::ConstantTimeEq as _;

use super::forms;
use crate::{
    contacts::fields::{self, Field},
    conversations::customers::{About, MAX_NAME},
    error::{Error, Result, UserErrorCode},
};

/// Who a visitor is, signed by the site.
#[derive(Clone, Debug, InputObject)]
pub struct VisitorIdentityInput {
    /// The site's own id of the visitor, 1 to 200 characters.
    pub external_id: String,
    /// Until when the signature counts, in seconds since 1970-01-01T00:00:00Z.
    pub expires: i64,
    /// The HMAC-SHA256, in 64 hexadecimal digits, of `externalId`, a full stop and `expires`, with the secret of the entry
    /// point as its key: of `42.1767225600`, for example. It is made by the site's server, never by the page.
    #[graphql(secret)]
    pub signature: String,
    /// The visitor's name, at most 200 characters. Not signed.
    pub name: Option<String>,
    /// The visitor's e-mail address. Not signed.
    pub email: Option<String>,
}

/// The longest id, in characters.
const MAX_ID: usize = 200;

const EXTERNAL_ID: Field = &["input", "identity", "externalId"];

/// A visitor whom the site knows.
#[derive(Clone, Debug)]
pub struct Signed {
    pub external_id: String,
    pub about: About,
}

/// Whom a site says it has, if its signature holds.
pub fn prove(entry_point: &entry_point::Model, given: &VisitorIdentityInput, now: DateTime<Utc>) -> Result<Signed> {
    let not_allowed = |path: Field, why: &'static str| Error::refused(UserErrorCode::NotAllowed, path, why);
    // A secret of nothing would be everybody's.
    let secret = entry_point.identity_secret.as_deref().filter(|secret| !secret.is_empty());
    let holds = secret.is_some_and(|secret| {
        let signature = sign(secret, &given.external_id, given.expires);
        signature.as_bytes().ct_eq(given.signature.to_ascii_lowercase().as_bytes()).into()
    });
    if !holds {
        return Err(not_allowed(&["input", "identity", "signature"], "The signature does not hold."));
    }
    if given.expires <= now.timestamp() {
        return Err(not_allowed(&["input", "identity", "expires"], "The signature has expired."));
    }
    // As it was signed, to the last space.
    let id = fields::line(&given.external_id, EXTERNAL_ID, MAX_ID)?.filter(|id| *id == given.external_id);
    let Some(external_id) = id else {
        let why = format!("An id has 1 to {MAX_ID} characters and begins and ends with no space.");
        return Err(Error::refused(UserErrorCode::Invalid, EXTERNAL_ID, why));
    };
    let about = About {
        name: fields::optional(given.name.as_deref(), &["input", "identity", "name"], MAX_NAME)?,
        email: match given.email.as_deref() {
            Some(email) => forms::email(email, &["input", "identity", "email"])?,
            None => None,
        },
        phone: None,
    };
    Ok(Signed { external_id, about })
}

/// The address of a visitor whom the site knows. Two entry points may be of two sites, which count their visitors each for
/// itself.
#[must_use]
pub fn address(entry_point: EntryPointId, external_id: &str) -> String {
    format!("id:{entry_point}:{external_id}")
}

fn sign(secret: &str, external_id: &str, expires: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{external_id}.{expires}").as_bytes());
    tag.as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// From `printf 42.1767225600 | openssl dgst -sha256 -hmac secret`.
    const KNOWN: &str = "e459444a381fdde86c4fae1235972eff2f60397c4eef1bbb2891e43e88d63d35";

    #[test]
    fn a_signature_is_what_other_programs_make() {
        assert_eq!(sign("secret", "42", 1_767_225_600), KNOWN);
        assert_ne!(sign("secret", "4", 1_767_225_600), KNOWN);
        assert_ne!(sign("secret2", "42", 1_767_225_600), KNOWN);
    }
}
