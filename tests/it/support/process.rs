//! The real binary as a separate process.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::{Expected as _, database::TestDatabase};

/// Returns a command of the binary with only the given settings.
pub fn rapport(directory: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rapport"));
    command.current_dir(directory).env_clear().envs(settings.iter().copied());
    command
}

/// Runs the binary to its end.
pub fn run(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    rapport(directory, settings).args(arguments).output().expected("the binary runs")
}

/// A server process. Dropping it kills the process.
pub struct Server {
    pub url: String,
    /// The output until the server listened.
    pub greeting: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub fn start(database: &TestDatabase, settings: &[(&str, &str)]) -> Self {
        let files = database.files();
        let mut all = vec![
            ("RAPPORT_FILES", files.as_str()),
            ("RAPPORT_DATABASE_URL", database.url.as_str()),
            ("RAPPORT_LISTEN", "127.0.0.1:0"),
            ("RAPPORT_LOG", "error"),
        ];
        all.extend(settings);
        Self::spawn(rapport(database.directory.path(), &all))
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expected("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expected("an output"));
        let mut greeting = String::new();
        lines.read_line(&mut greeting).expected("a line");
        let Some(url) = greeting.trim().strip_prefix("listening on ") else {
            let mut complaint = String::new();
            drop(child.stderr.take().expected("errors").read_to_string(&mut complaint));
            panic!("it did not listen: {greeting} {complaint}");
        };
        let url = url.to_owned();
        // Reads and drops the rest, because a full pipe would block the server.
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        let mut errors = child.stderr.take().expected("errors");
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut part = [0; 8_192];
            while let Ok(length @ 1..) = errors.read(&mut part) {
                kept.lock().push_str(&String::from_utf8_lossy(&part[..length]));
            }
        });
        Self { url, greeting, child, log }
    }

    /// Returns the log, which continues to grow.
    pub fn log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops the server with SIGTERM. Returns the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expected("a signal");
        self.child.wait().expected("an end").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
