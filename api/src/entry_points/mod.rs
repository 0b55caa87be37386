//! Entry points: the organization's addresses on its channels. Each feeds one queue.

pub mod entry_point_rows;
pub mod allowed_origins;
pub mod pre_chat_form;
pub mod form_validation;
pub mod attachment_overrides;
pub mod entry_point_changes;
pub mod entry_point_admin;
pub mod graphql;
