//! The host role: one tray process a place, hosting or attached.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use ebb_host::{
    config,
    control::{Command, client::Client},
    logging,
    paths::{HostLock, NotLocked, Paths},
};
use tauri::RunEvent;
use tokio::{runtime::Runtime, sync::mpsc, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{
    args::HostArgs,
    display,
    hosting::{Hosting, Seat},
    life::Life,
    notify::Notices,
    place::Place,
    signals,
    tray::Tray,
    window::Window,
};

/// How long a host that has the lock may take until it answers.
const SEAT: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Clicks that wait; nobody clicks faster.
const CLICKS: usize = 16;

pub(crate) fn run(args: HostArgs) -> Result<ExitCode> {
    display::require()?;
    let paths = Paths::resolve(&args.paths)?;
    paths.prepare()?;
    let loaded = config::load(&paths.config_file);
    let config_problem = loaded.problem(&paths.config_file);
    let _log = logging::start(&paths.log_dir, &loaded.settings.log_level);
    let place = Place::beside(&paths);
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    tauri::async_runtime::set(runtime.handle().clone());
    let tasks = TaskTracker::new();
    let _inside = runtime.enter();
    let (clicked, clicks) = mpsc::channel(CLICKS);
    let notices = Notices::start(&tasks, paths.config_file.clone(), clicked.clone());
    let window = Arc::new(Window::new(args.paths.clone(), place.clone(), notices.clone(), runtime.handle().clone())?);

    let tray_lock = match HostLock::acquire(&place.tray_lock) {
        Ok(lock) => lock,
        Err(NotLocked::Held { .. }) if args.background => return Ok(ExitCode::SUCCESS),
        Err(NotLocked::Held { .. }) => {
            runtime.block_on(show_the_other(&place, &window))?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(NotLocked::Failed(error)) => bail!(error),
    };
    let stop = signals::stop(&tasks)?;
    let HostArgs { background, paths: options, browser, no_sandbox } = args;
    let hosting = Hosting {
        paths: options,
        settings: loaded.settings,
        config_problem,
        control_sock: paths.control_sock.clone(),
        browser,
        no_sandbox,
        window: Arc::clone(&window),
    };
    let seat = runtime.block_on(Box::pin(first_seat(&hosting)))?;
    if background && seat.is_attached() {
        // An `ebb serve` is there; nobody asked for a tray.
        return Ok(ExitCode::SUCCESS);
    }

    // Tauri's thread is this one: it built GTK, and it keeps the menu.
    let app = tauri::Builder::default().build(crate::context())?;
    let tray = Tray::build(app.handle(), &place.icons, clicked);
    if !background {
        window.show(None)?;
    }
    let life = Life::new(app.handle().clone(), tray, window, hosting, clicks, notices, stop);
    let life = tasks.spawn(Box::pin(life.run(seat)));
    let code = app.run_return(|_, event| {
        if let RunEvent::ExitRequested { code: None, api, .. } = event {
            // No window is no reason to end; quitting has a code.
            api.prevent_exit();
        }
    });
    runtime.block_on(life).context("the tray's task ended before its time")?;
    drop(std::fs::remove_dir_all(&place.icons));
    drop(tray_lock);
    // What still waits for a notification or a reader is not worth waiting for.
    runtime.shutdown_timeout(LOOK);
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Another tray process is here: it shows the window, or its host has none and we do.
async fn show_the_other(place: &Place, window: &Window) -> Result<()> {
    let shown = match Client::connect(&place.control_sock).await {
        Ok(client) => client.call(Command::ShowWindow { route: None }).await.map(drop),
        Err(error) => Err(error),
    };
    match shown {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::info!(%error, "the running host shows no window; showing one from here");
            Ok(window.show(None)?)
        }
    }
}

async fn first_seat(hosting: &Hosting) -> Result<Seat> {
    let deadline = Instant::now() + SEAT;
    loop {
        if let Some(seat) = hosting.take().await? {
            return Ok(seat);
        }
        if Instant::now() > deadline {
            bail!("another Ebb host has the lock and does not answer; `ebb status` shows it");
        }
        tokio::time::sleep(LOOK).await;
    }
}
