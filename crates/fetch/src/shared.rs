//! What every client of a process has in common.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    Override, Settings, SettingsError, bodies::Bodies, guard::Guard, request::is_field_value, tls::Tls,
};

/// Open files that are left to everybody else: store, log, control, names' look-ups, the runtimes' own.
const FILES_LEFT: usize = 128;

/// What a small process needs of them; below it a limit on open files is no limit to work under.
const FILES_LEFT_MIN: usize = 44;

/// Connections where the limit on open files cannot be read: what the customary limit of 1,024 leaves.
const CONNECTIONS_DEFAULT: usize = 1024 - FILES_LEFT;

/// Most connections even where files are unlimited.
const CONNECTIONS_MAX: usize = 1 << 20;

/// The settings made ready for use: TLS configuration and its sessions, address guard, overrides, and the
/// bound on connections. Made once per process; cloning is a reference count.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) guard: Guard,
    pub(crate) tls: Tls,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) connections: usize,
    pub(crate) bodies: Bodies,
}

impl Shared {
    /// Checks the settings and reads the files they name.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if !settings.user_agent.is_ascii() || !is_field_value(&settings.user_agent) {
            return Err(SettingsError::UserAgent(settings.user_agent));
        }
        let tls = Tls::new(settings.ca_file.as_deref(), &settings.unverified)?;
        let connections =
            settings.limits.connections.unwrap_or_else(connections_allowed).clamp(1, CONNECTIONS_MAX);
        Ok(Self(Arc::new(Inner {
            guard: Guard::new(settings.allow_net.clone()),
            tls,
            permits: Arc::new(Semaphore::new(connections)),
            connections,
            bodies: Bodies::new(settings.limits.bodies_in_flight.max(settings.limits.body_bytes)),
            settings,
        })))
    }

    /// The most connections that are open at once, over all clients: [`crate::Limits::connections`], or the
    /// process's limit on open files at the time of [`Shared::new`], less 128 for other uses.
    pub fn connections(&self) -> usize {
        self.0.connections
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl Inner {
    /// The override that holds for a host.
    pub(crate) fn override_of(&self, host: &str) -> Option<&Override> {
        Override::choose(&self.settings.overrides, host)
    }
}

fn connections_allowed() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    open_files(&limits).map_or(CONNECTIONS_DEFAULT, connections_within)
}

/// The connections that a limit on open files allows: all but 128, or under a low limit all but half.
fn connections_within(files: usize) -> usize {
    files.saturating_sub(FILES_LEFT.min((files / 2).max(FILES_LEFT_MIN)))
}

/// The soft limit on open files, as Linux prints it in `/proc/self/limits` (proc(5)).
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(CONNECTIONS_MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_open_files_is_read() {
        let row = |soft: &str| {
            format!(
                "Limit      Soft Limit   Hard Limit   Units\nMax processes  5  9 processes\nMax open files   {soft}   1048576   files\n"
            )
        };
        assert_eq!(open_files(&row("4096")), Some(4096));
        assert_eq!(open_files(&row("unlimited")), Some(CONNECTIONS_MAX));
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn settings_that_cannot_be_followed() {
        let agent = Settings { user_agent: "a\r\nb".to_owned(), ..Settings::default() };
        assert!(matches!(Shared::new(agent), Err(SettingsError::UserAgent(_))));

        let missing = Settings { ca_file: Some("/nonexistent/ca.pem".into()), ..Settings::default() };
        assert!(matches!(Shared::new(missing), Err(SettingsError::CaFile(..))));

        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = Settings { ca_file: Some(empty.path().to_owned()), ..Settings::default() };
        let error = Shared::new(empty).unwrap_err().to_string();
        assert!(error.contains("there is no certificate in it"), "{error}");
    }
}
