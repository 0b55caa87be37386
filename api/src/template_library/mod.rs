//! The library of templates: lists for agents, and the commands of administrators and supervisors.

pub mod template_list;
pub mod template_checks;
pub mod template_admin;
pub mod template_exchange;
pub mod graphql;
