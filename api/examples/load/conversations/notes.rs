//! Which entries of a conversation are notes among agents.

/// After how many entries comes a note.
const NOTES: u64 = 25;

/// Whether an entry, counted from 0, is a note.
pub fn is_note(step: u64) -> bool {
    step % NOTES == NOTES - 2
}

/// How many of the first so many entries are notes.
pub fn notes(entries: u64) -> u64 {
    (0..entries).filter(|step| is_note(*step)).count() as u64
}
