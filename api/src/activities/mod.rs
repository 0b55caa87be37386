//! Activities of people, and the people who may see them: connections and followers, while the relationship lasts. A
//! block in either direction hides a person's activities. Visibility is computed when a page is read, so past and
//! present follow the relationships.

pub mod publish;
pub mod feed;
pub mod live;
pub mod graphql;
