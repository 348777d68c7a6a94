//! What every client of a process has in common.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    Override, Settings, SettingsError, bodies::Bodies, files::open_files, guard::Guard, names::Names,
    request::is_field_value, tls::Tls,
};

/// Open files that are left to everybody else: store, log, control, the first look-ups, the runtimes' own.
const FILES_LEFT: usize = 128;

/// What a small process needs of them; below it a limit on open files is no limit to work under.
const FILES_LEFT_MIN: usize = 44;

/// Most connections even where files are unlimited.
const CONNECTIONS_MAX: usize = 1 << 20;

/// One question to a name server at a time for so many open files.
const FILES_PER_QUESTION: usize = 16;

/// So few questions find room in [`FILES_LEFT`].
const QUESTIONS_SMALL: usize = 64;

/// Look-ups go on even where files are few.
const QUESTIONS_MIN: usize = 16;

/// As many as a name server of a provider takes from one asker without dropping some.
const QUESTIONS_MAX: usize = 512;

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
    pub(crate) names: Names,
}

impl Shared {
    /// Checks the settings and reads the files they name.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if !settings.user_agent.is_ascii() || !is_field_value(&settings.user_agent) {
            return Err(SettingsError::UserAgent(settings.user_agent));
        }
        let tls = Tls::new(settings.ca_file.as_deref(), &settings.unverified)?;
        for host in &settings.unverified {
            tracing::warn!(%host, "certificates are not checked: anybody between can read and change what comes");
        }
        let files =
            open_files().map_or(CONNECTIONS_MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        let connections = settings
            .limits
            .connections
            .unwrap_or_else(|| connections_within(files))
            .clamp(1, CONNECTIONS_MAX);
        Ok(Self(Arc::new(Inner {
            guard: Guard::new(settings.allow_net.clone()),
            tls,
            permits: Arc::new(Semaphore::new(connections)),
            connections,
            names: Names::new(
                settings.name_servers.clone(),
                settings.limits.connect,
                questions_within(files),
            ),
            bodies: Bodies::new(settings.limits.bodies_in_flight.max(settings.limits.body_bytes)),
            settings,
        })))
    }

    /// The most connections that are open at once, over all clients: [`crate::Limits::connections`], or the
    /// process's limit on open files at the time of [`Shared::new`], less 128 for other uses and, where there are
    /// many, up to 896 for look-ups. [`crate::raise_open_files`] is called before.
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

/// The connections that a limit on open files allows: all but 128 and the sockets of look-ups past 64 questions,
/// or under a low limit all but half.
fn connections_within(files: usize) -> usize {
    let more_questions = 2 * questions_within(files).saturating_sub(QUESTIONS_SMALL);
    files.saturating_sub(FILES_LEFT.min((files / 2).max(FILES_LEFT_MIN)) + more_questions)
}

/// Questions to name servers at once: a part of the files, because each takes a socket, and up to three where no
/// answer comes.
fn questions_within(files: usize) -> usize {
    (files / FILES_PER_QUESTION).clamp(QUESTIONS_MIN, QUESTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_files_are_shared_out() {
        for (files, connections, questions) in
            [(64, 20, 16), (256, 128, 16), (1024, 896, 64), (4096, 3584, 256), (1 << 20, 1_047_552, 512)]
        {
            assert_eq!(
                (connections_within(files), questions_within(files)),
                (connections, questions),
                "{files}"
            );
        }
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
