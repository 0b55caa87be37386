//! The GraphQL face of the ends of accounts. Its files may name any other feature, because GraphQL is a graph.

pub mod mutation;
