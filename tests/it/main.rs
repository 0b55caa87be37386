//! The integration tests: one binary that drives Rapport through its doors, on SQLite by default and on PostgreSQL when
//! `RAPPORT_TEST_DATABASE_URL` names a server on which databases can be made. Randomised tests take their rounds from
//! `RAPPORT_TEST_ROUNDS`.

mod access;
mod accounts;
mod activities;
mod architecture;
mod audit;
mod authorization;
mod binary;
mod blocking;
mod cards;
mod crash;
mod deletion;
mod directory;
mod endings;
mod events;
mod exports;
mod front;
mod hostile;
mod imports;
mod issuers;
mod mails;
mod monitoring;
mod notifications;
mod outages;
mod pages;
mod personal;
mod races;
mod relationships;
mod rights;
mod schema;
mod sequences;
mod sockets;
mod stack;
mod states;
mod support;
