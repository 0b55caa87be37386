//! The rules for the names and scopes of API keys.

use entity::api_key::ApiKeyKind;

use crate::{
    auth::viewer::{Credential, Scope, Scopes, Viewer},
    contacts::detail_validation,
    error::{Error, INPUT, Result, UserErrorCode},
};

/// Maximum length of a key's name, in characters.
const MAX_NAME: usize = 100;

/// Returns the name of a key as it is stored. Refuses with `REQUIRED` or `INVALID`.
pub fn check_name(name: &str) -> Result<String> {
    detail_validation::required_line(name, &["input", "name"], MAX_NAME, "A name is needed.")
}

/// The scopes that do nothing for an organization key, because it has no account of its own.
const OF_PERSONS: [Scope; 6] = [
    Scope::ProfileWrite,
    Scope::ContactsWrite,
    Scope::NotificationsRead,
    Scope::NotificationsWrite,
    Scope::ActivityRead,
    Scope::ActivityWrite,
];

/// Returns the scopes of a key. Refuses with `NOT_FOR_KEYS`, `REQUIRED`, or `INVALID` for a scope that does nothing or
/// that the caller does not have.
pub fn check_scopes(by: &Viewer, kind: ApiKeyKind, scopes: &[Scope]) -> Result<Scopes> {
    if let Credential::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotForKeys, INPUT, "Sign in to create or change keys."));
    }
    if let Some(useless) = scopes.iter().find(|scope| kind == ApiKeyKind::Organization && OF_PERSONS.contains(scope)) {
        let why = format!("The scope {} does nothing for a key of the organization.", useless.name());
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "scopes"], why));
    }
    if scopes.is_empty() {
        return Err(Error::refused(UserErrorCode::Required, &["input", "scopes"], "A key needs at least one scope."));
    }
    match scopes.iter().find(|scope| !by.scopes.has(**scope)) {
        None => Ok(scopes.iter().copied().collect()),
        Some(lacking) => {
            let why = format!("Your token does not have the scope {}.", lacking.name());
            Err(Error::refused(UserErrorCode::Invalid, &["input", "scopes"], why))
        }
    }
}
