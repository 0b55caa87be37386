//! Requests that leave Rapport to addresses which people or providers name: webhooks, workflows, media. They all go
//! through one [`client`], which connects to public [`addresses`] only.

pub mod addresses;
pub mod client;
