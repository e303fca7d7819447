//! Signals to programs.

use std::process::Command;

/// Sends a signal, such as `TERM`, to a process. Returns whether there is such a process.
pub(crate) fn is_sent(signal: &str, process: u32) -> bool {
    let kill = Command::new("kill").args(["-s", signal, &process.to_string()]).output().unwrap();
    kill.status.success()
}

/// Sends a signal to a process that is there.
#[allow(dead_code, reason = "not every test uses it")]
pub(crate) fn send(signal: &str, process: u32) {
    assert!(is_sent(signal, process), "SIG{signal} to {process}");
}
