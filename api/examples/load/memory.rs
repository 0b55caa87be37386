//! The memory of a process in bytes, read from `/proc` on Linux.

use std::fs;

use anyhow::Context as _;

/// Returns the present resident memory.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    figure(pid, "VmRSS:")
}

/// Returns the maximum resident memory since the start or since [`forget_peak`].
pub fn peak(pid: u32) -> anyhow::Result<f64> {
    figure(pid, "VmHWM:")
}

/// Resets the maximum to the present value.
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak cannot be reset")
}

fn figure(pid: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? * 1024.0)
}
