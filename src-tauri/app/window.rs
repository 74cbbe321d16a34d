//! The host's side of the window: a process of its own, started on demand, gone when its window closes.

use std::{io, os::unix::process::CommandExt, path::PathBuf, process::Stdio, time::Duration};

use ebb_core::{Code, Error, Result};
use ebb_host::paths::PathOptions;
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    display,
    inbox::{self, Word},
    notify::{Notice, Notices},
    place::Place,
};

/// How long the window may take to end by itself after the host.
const END: Duration = Duration::from_secs(2);

/// Opens, raises and ends the one window.
pub(crate) struct Window {
    /// As it was when we started: an update while we run replaces the file, not its path.
    program: PathBuf,
    paths: PathOptions,
    place: Place,
    notices: Notices,
    runtime: Handle,
    children: TaskTracker,
    ending: CancellationToken,
}

impl Window {
    pub(crate) fn new(paths: PathOptions, place: Place, notices: Notices, runtime: Handle) -> io::Result<Self> {
        let (children, ending) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self { program: std::env::current_exe()?, paths, place, notices, runtime, children, ending })
    }

    /// Raises the window at a route, or opens it there.
    pub(crate) fn show(&self, route: Option<String>) -> Result<()> {
        // Also one that an earlier host or a person opened.
        if inbox::tell(&self.place.window_sock, &Word::Show(route.clone())).is_ok() {
            return Ok(());
        }
        let child = self.start(route).map_err(|error| {
            Error::new(Code::Internal, format!("the window cannot be started: {error}"))
                .next("Run `ebb serve --dashboard` instead")
        })?;
        drop(self.children.spawn_on(self.follow_child(child), &self.runtime));
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the window may outlive a host that crashed, and shows that it reconnects"
    )]
    fn start(&self, route: Option<String>) -> io::Result<Child> {
        let mut command = std::process::Command::new(&self.program);
        command.arg("window");
        let options = [("--socket", &self.paths.socket), ("--data-dir", &self.paths.data_dir)];
        for (name, value) in options {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        if let Some(route) = route {
            command.args(["--route", &route]);
        }
        // Ctrl+C in the host's terminal is for the host, which then ends its window in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let _inside = self.runtime.enter();
        Command::from(command).spawn()
    }

    /// Reaps the child; says once that Ebb goes on without its window where nothing else would show it.
    fn follow_child(&self, mut child: Child) -> impl Future<Output = ()> + use<> {
        let (ending, notices, shown) = (self.ending.clone(), self.notices.clone(), self.place.notice_shown.clone());
        async move {
            let ended = ending.run_until_cancelled(child.wait()).await;
            let Some(ended) = ended else {
                // It had its time.
                drop(child.kill().await);
                return;
            };
            tracing::info!(?ended, "the window ended");
            let by_hand = ended.is_ok_and(|status| status.success()) && !shown.exists();
            if by_hand && !tokio::task::spawn_blocking(display::has_tray_host).await.unwrap_or(true) {
                drop(std::fs::write(&shown, ""));
                notices.send(Notice::KeepsRunning);
            }
        }
    }

    /// Ends the window with the host.
    pub(crate) async fn end(&self) {
        let told = inbox::tell(&self.place.window_sock, &Word::Quit);
        tracing::debug!(?told, "told the window that Ebb quits");
        self.children.close();
        if tokio::time::timeout(END, self.children.wait()).await.is_err() {
            self.ending.cancel();
            self.children.wait().await;
        }
    }
}
