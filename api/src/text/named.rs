//! Things that administrators give names. Each is listed by name, found by name, and no two in use have the same name.

use super::{fold::unique_text, order::name_key};

/// Something with a name, whose stored keys follow from it.
pub trait Named {
    /// Sets the keys after the name was set.
    fn refresh_keys(&mut self);
}

/// The keys of a name: its place in lists, and the text by which it is found and is unique.
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

named!(entry_point, idle_reason, multimedia_profile, queue, skill, wrap_up_reason);
