//! The notes of agents among the entries of a conversation.

/// The number of entries from one note to the next.
const NOTES: u64 = 25;

/// Returns true when an entry, counted from 0, is a note.
pub fn is_note(step: u64) -> bool {
    step % NOTES == NOTES - 2
}

/// Returns the number of notes among the first `entries` entries.
pub fn notes(entries: u64) -> u64 {
    (0..entries).filter(|step| is_note(*step)).count() as u64
}
