//! The CPU time of processes, read from `/proc` on Linux.

use std::fs;

/// Clock ticks per second in `/proc`.
const TICKS: f64 = 100.0;

/// Returns the seconds of CPU time that a process has used.
pub fn process(pid: u32) -> f64 {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| seconds(&stat)).unwrap_or_default()
}

/// Returns the seconds of CPU time that a local PostgreSQL server has used. `postmaster` is the id of its first
/// process. Returns 0 if that is 0.
pub fn database(postmaster: u32) -> f64 {
    if postmaster == 0 {
        return 0.0;
    }
    let Ok(entries) = fs::read_dir("/proc") else { return 0.0 };
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let of_it = |stat: &String| parent_in(stat) == Some(postmaster) || stat.starts_with(&format!("{postmaster} "));
    stats.filter(of_it).filter_map(|stat| seconds(&stat)).sum()
}

/// Returns the process that started another.
pub fn parent(pid: u32) -> Option<u32> {
    parent_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Returns user and system time, the 14th and 15th field. The name before them may contain spaces.
fn seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
