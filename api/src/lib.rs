//! Rapport: one GraphQL schema for the relationships inside an organization and the conversations with its customers.
//! This page is the map of the code. `docs/architecture.md` explains it.
//!
//! The modules are in the order of their dependencies: each uses only modules above it. A test
//! (`tests/it/architecture.rs`) reads that order from this file. The GraphQL API of a feature, in its folder `graphql`,
//! may name any other feature, because GraphQL is a graph. The other modules of a feature contain its rules and may
//! not.
//!
//! | module | purpose |
//! |---|---|
//! | [`clock`] | the time, and the ids that are made of it |
//! | [`web_address`] | web addresses: URLs and origins |
//! | [`sealing`] | the encryption of stored secrets |
//! | [`config`] | the settings, read and checked once at start |
//! | [`instant`] | times in the format of clients |
//! | [`plain_text`] | texts and telephone numbers in their stored form |
//! | [`text`] | normalization, search and order of names, and the languages of sentences |
//! | [`vcard`] | reading and writing of vCards |
//! | [`cache`] | bounded caches |
//! | [`error`] | the common error type: refusals, faults and their codes |
//! | [`outcome`] | the effect of a mutation |
//! | [`ip_network`] | grouping of IP addresses for limits |
//! | [`rate_limit`] | limits on the operations of a caller over time |
//! | [`quotas`] | limits on the resources that a caller uses at once |
//! | [`memory_budget`] | the memory that an operation takes |
//! | [`outgoing`] | requests that leave to addresses which people or providers name |
//! | [`file_store`] | the store of files: a folder or a bucket |
//! | [`pictures`] | decoding and encoding of pictures within bounds |
//! | [`database`] | SQLite and PostgreSQL, and all differences between them |
//! | [`background`] | the runner of background work |
//! | [`pagination`] | pages of lists, as Relay connections |
//! | [`events`] | the event log: streams without gaps, the global order, following without loss |
//! | [`app`] | the resources of an instance, and the only way to open a transaction |
//! | [`sealed_rows`] | the sealed secrets in the database, checked and renewed at the start |
//! | [`auth`] | the caller and its scopes: tokens, keys, revocations, guards, loaders |
//! | [`audit`] | the record of the actions of administrators and organization keys |
//! | [`contacts`] | the contact lists: memberships, pages, counts, search |
//! | [`activities`] | the activities of users, and the feeds that show them |
//! | [`users`] | users: profiles, settings, search |
//! | [`address_book`] | the private address books |
//! | [`deliveries`] | everything that leaves Rapport: claimed, sent, retried, listed |
//! | [`accounts`] | sign-up, sign-in, sign-out, sessions, passwords, API keys |
//! | [`notifications`] | notifications of a user, in the app and by e-mail |
//! | [`attachments`] | files of messages: types, rules, upload, scan, retention |
//! | [`templates`] | prepared texts: parsed, filled in for a conversation, found |
//! | [`conversations`] | conversations with customers and between two users |
//! | [`contact_center`] | common parts of the contact center: locks, timers, changes by administrators |
//! | [`reason_codes`] | idle reasons and wrap-up reasons |
//! | [`agents`] | agents: states, capacity, skills, profiles, eligibility |
//! | [`queues`] | queues: rules, opening hours, positions, statistics |
//! | [`template_library`] | templates: lists, commands, import and export |
//! | [`tasks`] | tasks: offers, transfers, conferences, wrap-ups, supervision |
//! | [`routing`] | the choice of an agent for each task, and timers |
//! | [`entry_points`] | the organization's addresses on its channels |
//! | [`customer_records`] | customers: lists, search, details that agents and programs change |
//! | [`inbound`] | messages of customers from all channels |
//! | [`visitors`] | visitors of web sites, and the start of their chats |
//! | [`relationships`] | relationships of two users: request, connection, follow, block, mute, note |
//! | [`vcard_transfer`] | import and export of vCards of people and personal contacts |
//! | [`account_lifecycle`] | changes and ends of accounts: suspension, roles, deactivation, deletion, export |
//! | [`trusted_documents`] | documents that administrators have registered and that clients name by a digest |
//! | [`name_keys`] | stored keys of names, rebuilt when the Unicode tables change |
//! | [`schema`] | the GraphQL APIs of all features, merged into one schema |
//! | [`http`] | the routes: `/graphql`, sockets, events, files, GraphiQL, the web chat, health, metrics |
//! | [`telemetry`] | logs and traces |
//! | [`seed`] | the demo organization |
//! | [`bulk_load`] | bulk import of graphs |
//! | [`server`] | start, serve, stop |
//!
//! A call runs in these steps. [`http::graphql`] reads the request. [`http::executor`] parses it, and [`http::cost`]
//! measures it before anything runs. The guard of the field checks the scope. The resolver opens a transaction with
//! [`app::App::transaction`] and calls a function such as [`relationships::follows::follow`]. That function locks the
//! row of the pair with [`relationships::pair::lock`]. It checks, changes and saves the row and the lists that follow
//! from it. At its end, the same transaction numbers and writes the events ([`events::log`]). After the commit the bus
//! ([`events::bus`]) notifies the followers on all instances, and they read the log ([`events::subscribe`]).
//!
//! These rules always hold:
//! - A client names a row by its id, and a finder that knows the viewer loads it.
//! - A transaction awaits nothing but SQL.
//! - [`http`] contains no product rules.
//! - The time comes from the clock and never from the machine.
//! - A relationship changes only under its locked row.

pub mod clock;
pub mod web_address;
pub mod sealing;
pub mod config;
pub mod instant;
pub mod plain_text;
pub mod text;
pub mod vcard;
pub mod cache;
pub mod error;
pub mod outcome;
pub mod ip_network;
pub mod rate_limit;
pub mod quotas;
pub mod memory_budget;
pub mod outgoing;
pub mod file_store;
pub mod pictures;
pub mod database;
pub mod background;
pub mod pagination;
pub mod events;
pub mod app;
pub mod sealed_rows;
pub mod auth;
pub mod audit;
pub mod contacts;
pub mod activities;
pub mod users;
pub mod address_book;
pub mod deliveries;
pub mod accounts;
pub mod notifications;
pub mod attachments;
pub mod templates;
pub mod conversations;
pub mod contact_center;
pub mod reason_codes;
pub mod agents;
pub mod queues;
pub mod template_library;
pub mod tasks;
pub mod routing;
pub mod entry_points;
pub mod customer_records;
pub mod inbound;
pub mod visitors;
pub mod relationships;
pub mod vcard_transfer;
pub mod account_lifecycle;
pub mod trusted_documents;
pub mod name_keys;
pub mod schema;
pub mod http;
pub mod telemetry;
pub mod seed;
pub mod bulk_load;
pub mod server;
