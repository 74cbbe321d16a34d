//! The window role: one webview with the dashboard, and two commands.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ebb_core::Error;
use ebb_host::{
    control::{Command, Reply},
    logging,
    paths::{HostLock, NotLocked, Paths},
};
use tauri::{
    AppHandle, Manager as _, RunEvent, State, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
    http::Response, ipc::Channel,
};
use tokio::{net::UnixListener, runtime::Runtime};
use tokio_util::task::TaskTracker;

use crate::{
    args::{WindowArgs, is_route},
    display,
    inbox::{self, Word},
    link::{Link, Message},
    place::Place,
    signals,
};

/// How long a window that is just starting may take to listen.
const RAISE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(args: WindowArgs) -> Result<ExitCode> {
    let paths = Paths::find(&args.paths)?;
    paths.prepare()?;
    let place = Place::beside(&paths);
    let lock = match HostLock::acquire(&place.window_lock) {
        Ok(lock) => lock,
        Err(NotLocked::Held { .. }) => return raise(&place, args.route),
        Err(NotLocked::Failed(error)) => bail!(error),
    };
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    tauri::async_runtime::set(runtime.handle().clone());
    let _inside = runtime.enter();
    let inbox = inbox::bind(&place.window_sock).context("the window's socket cannot be made")?;
    display::require()?;
    let _log = logging::start(&paths.log_dir, "info");
    let tasks = TaskTracker::new();
    let stop = signals::stop(&tasks)?;

    let app = tauri::Builder::default()
        .manage(Link::new(place.control_sock.clone()))
        .register_asynchronous_uri_scheme_protocol("thumb", |context, request, answer| {
            let link = Arc::clone(&context.app_handle().state::<Arc<Link>>());
            let path = request.uri().path().to_owned();
            let host = request.uri().host().unwrap_or_default().to_owned();
            let tasks = link.tasks();
            drop(tasks.spawn(async move { answer.respond(thumb(&link, &host, &path).await) }));
        })
        .invoke_handler(tauri::generate_handler![dispatch, subscribe])
        .build(crate::context())?;
    let window = open(app.handle(), args.route.as_deref())?;
    let handle = app.handle().clone();
    drop(tasks.spawn(async move {
        stop.run_until_cancelled(obey(&inbox, &window)).await;
        handle.exit(0);
    }));
    let socket = place.window_sock.clone();
    let code = app.run_return(move |_, event| {
        if let RunEvent::WindowEvent { event: WindowEvent::CloseRequested { .. }, .. } = event {
            // Whoever wants a window from now on starts a new one.
            drop(std::fs::remove_file(&socket));
        }
    });
    drop(std::fs::remove_file(&place.window_sock));
    drop(lock);
    runtime.shutdown_timeout(LOOK);
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A window is open, or about to be: it comes to the front, and we are not needed.
fn raise(place: &Place, route: Option<String>) -> Result<ExitCode> {
    let (word, deadline) = (Word::Show(route), Instant::now() + RAISE);
    while let Err(error) = inbox::tell(&place.window_sock, &word) {
        if Instant::now() > deadline {
            return Err(error).context("another window is open and does not answer");
        }
        std::thread::sleep(LOOK);
    }
    Ok(ExitCode::SUCCESS)
}

fn open(app: &AppHandle, route: Option<&str>) -> Result<WebviewWindow> {
    let page = PathBuf::from(format!("index.html{}", route.unwrap_or_default()));
    let window = WebviewWindowBuilder::new(app, "main", WebviewUrl::App(page))
        .title("Ebb")
        .inner_size(1080.0, 720.0)
        .min_inner_size(760.0, 480.0)
        .center()
        // The dashboard links nowhere, and nothing dropped on it may replace it.
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"))
        .build()?;
    close_on_keys(&window)?;
    Ok(window)
}

/// Ctrl+Q and Ctrl+W close the window, and only the window.
#[cfg(target_os = "linux")]
fn close_on_keys(window: &WebviewWindow) -> Result<()> {
    use gtk::{gdk::ModifierType, glib::Propagation, prelude::WidgetExt};
    let closing = window.clone();
    window.gtk_window()?.connect_key_press_event(move |_, event| {
        let control = event.state().contains(ModifierType::CONTROL_MASK);
        let key = event.keyval().to_unicode().map(|key| key.to_ascii_lowercase());
        if control && matches!(key, Some('q' | 'w')) {
            drop(closing.close());
            return Propagation::Stop;
        }
        Propagation::Proceed
    });
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn close_on_keys(_window: &WebviewWindow) -> Result<()> {
    Ok(())
}

/// Ends when the window should.
async fn obey(inbox: &UnixListener, window: &WebviewWindow) {
    loop {
        match inbox::next(inbox).await {
            Ok(Word::Show(route)) => {
                if let Err(error) = show(window, route.as_deref()) {
                    tracing::warn!(%error, "the window could not be raised");
                }
            }
            Ok(Word::Quit) => return,
            Err(error) => {
                // No descriptors, for instance: the window itself is well.
                tracing::warn!(%error, "cannot listen for words");
                tokio::time::sleep(RAISE).await;
            }
        }
    }
}

fn show(window: &WebviewWindow, route: Option<&str>) -> tauri::Result<()> {
    if let Some(route) = route.filter(|route| is_route(route)) {
        let hash = serde_json::to_string(route)?;
        window.eval(format!("location.hash = {hash}"))?;
    }
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

/// `thumb://<session>/<tab>`: a picture of a tab, kept nowhere.
async fn thumb(link: &Link, host: &str, path: &str) -> Response<Vec<u8>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // Where the system has no schemes of one's own, the host is another word.
    let (session, tab) = match parts.as_slice() {
        [tab] => (host, *tab),
        [.., session, tab] => (*session, *tab),
        [] => ("", ""),
    };
    let picture = async {
        let tab = tab.parse().ok()?;
        let command = Command::Thumbnail { session: session.to_owned(), tab };
        let Ok(Reply::Thumbnail(picture)) = link.dispatch(command).await else { return None };
        picture.bytes()
    };
    let answer = Response::builder().header("Cache-Control", "no-store");
    let answer = match picture.await {
        Some(bytes) => answer.header("Content-Type", "image/jpeg").body(bytes),
        None => answer.status(404).body(Vec::new()),
    };
    answer.unwrap_or_default()
}

/// Whatever the page asks for is one of the commands, or it is refused before it gets here.
#[tauri::command]
async fn dispatch(link: State<'_, Arc<Link>>, command: Command) -> Result<Reply, Error> {
    link.dispatch(command).await
}

#[tauri::command]
#[expect(clippy::needless_pass_by_value, reason = "Tauri hands its arguments over by value")]
fn subscribe(link: State<'_, Arc<Link>>, channel: Channel<Message>) {
    Arc::clone(&link).watch(move |message| drop(channel.send(message)));
}
