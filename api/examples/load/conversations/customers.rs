//! The customers of generated conversations.

use api::conversations::customer_index;
use chrono::{DateTime, Utc};
use entity::{customer, id::CustomerId};

/// Returns the row of a customer, with its keys.
pub fn row(id: CustomerId, number: usize, since: DateTime<Utc>) -> customer::Model {
    let mut row = customer::Model {
        id,
        display_name: format!("Customer {number}"),
        email: Some(format!("customer{number}@example.com")),
        phone: None,
        external_id: None,
        name_key: Vec::new(),
        search_text: String::new(),
        merged_into_id: None,
        created_at: since,
        updated_at: since,
    };
    customer_index::set_keys(&mut row);
    row
}
