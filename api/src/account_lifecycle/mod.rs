//! Changes to accounts and their end, by administrators or by their owners. Only a current administrator can change
//! another account, whatever the token says. Every action of an administrator is audited in the same transaction. At
//! least one administrator always remains.

pub mod export_page;
pub mod permissions;
/// Suspension and reinstatement of users.
pub mod suspensions;
/// Changes of a user's role.
pub mod roles;
/// The deactivation of accounts.
pub mod deactivation;
/// The erasure of a user's data.
pub mod erasure;
/// The permanent deletion of accounts.
pub mod deletion;
/// The tickets for the export of a user's data.
pub mod export;
/// The people of an archive.
pub mod export_relationships;
/// The messages of an archive.
pub mod export_conversations;
/// The files of an archive.
pub mod export_sections;
/// The ZIP archive of a user's data.
pub mod export_zip;
pub mod graphql;
