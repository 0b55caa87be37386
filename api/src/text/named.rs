//! Things with names that administrators give. Each is listed by name and found by name, and no two in use share a
//! name.

use super::{collation::name_key, fold::unique_text};

/// A thing with a name, from which its stored keys follow.
pub trait Named {
    /// Updates the keys after a change of the name.
    fn refresh_keys(&mut self);
}

/// Returns the keys of a name: its position in lists, and the text that makes it searchable and unique.
#[must_use]
pub fn keys(name: &str) -> (Vec<u8>, String) {
    (name_key(&[name]), unique_text(name))
}

macro_rules! named {
    ($($entity:ident),*) => {$(
        impl Named for entity::$entity::Model {
            fn refresh_keys(&mut self) {
                (self.name_key, self.search_text) = keys(&self.name);
            }
        }
    )*};
}

named!(entry_point, idle_reason, multimedia_profile, queue, skill, template, wrap_up_reason);
