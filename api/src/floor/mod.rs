//! The administration of the floor: queues, entry points, profiles, skills, reasons, and what agents are. Whoever is not an
//! administrator now changes nothing; a change is written down in its transaction and is made while no other is. What goes on
//! is never stranded: offers and talks stay with whoever has them, and what waits is looked at anew at once.

pub mod administrators;
pub mod names;
pub mod hours;
pub mod skills;
pub mod queues;
pub mod doors;
pub mod entry_points;
pub mod profiles;
pub mod reasons;
pub mod staff;
pub mod payloads;
pub mod query;
pub mod mutation;
pub mod staffing;
