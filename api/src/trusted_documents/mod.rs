//! Trusted documents: GraphQL documents that administrators have registered. A client names one by its digest, and an
//! API key can be limited to them.

pub mod document_id;
pub mod documents;
pub mod graphql;
