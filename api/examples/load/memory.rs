//! What a process has in memory, read where Linux shows it, in bytes.

use std::fs;

use anyhow::Context as _;

/// What it has now.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    figure(pid, "VmRSS:")
}

/// The most it had since the start or since [`forget_peak`].
pub fn peak(pid: u32) -> anyhow::Result<f64> {
    figure(pid, "VmHWM:")
}

/// Begins anew with what it has now.
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak cannot be reset")
}

fn figure(pid: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? * 1024.0)
}
