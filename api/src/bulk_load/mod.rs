//! Bulk import of graphs of connections and follows. Ids and names follow from the numbers in the file, so a second
//! import adds nothing. Existing pairs stay unchanged, because they may have changed since the first import.

pub mod graph;
pub mod fake_names;
pub mod load;
