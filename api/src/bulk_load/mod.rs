//! Bulk import of graphs: who is connected with whom, who follows whom. Ids and names are made of the numbers in the
//! file, so importing a file again adds nothing; a pair that stands already, as it may have changed since, stays as it is.

pub mod graph;
pub mod fake_names;
pub mod load;
