//! Visitors of web sites.
