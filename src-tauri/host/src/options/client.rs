//! The options of one client, with the defaults of a client that gave none.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::Value;

use super::{Caps, Origins, Secrets};

/// What a client was started with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientOptions {
    /// Which tools it has.
    pub caps: Caps,
    /// How its answers look.
    pub output: OutputOptions,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How its pages are made.
    pub context: ContextOptions,
    /// Texts that stand for secret ones, and are masked wherever they appear.
    pub secrets: Secrets,
    /// Where it works, where it said so itself.
    pub workspace: Option<PathBuf>,
    /// Whether it may name files anywhere and open `file:` addresses.
    pub unrestricted_files: bool,
    /// Whether it has one browser context together with all other clients that say so.
    pub shared_context: bool,
    /// The device that its pages look like.
    pub device: Option<String>,
    /// Capabilities that it asked for and nobody knows.
    pub unknown_caps: Vec<String>,
    /// Whether it started its own server (`ebb mcp`): private networks and `about:` are its own business.
    pub own_server: bool,
}

impl ClientOptions {
    /// The options in the flags that a client's bridge sent. The bridge has checked them; what a host of another
    /// version does not understand is told in the log and costs nothing else.
    #[must_use]
    pub fn of_flags(flags: &[String]) -> Self {
        match super::parse::client_of(flags) {
            Ok(parsed) => parsed.options.client,
            Err(problem) => {
                tracing::warn!(problem, "a client's options are not understood");
                Self::default()
            }
        }
    }
}

/// How answers look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputOptions {
    /// Where files go that nobody named a place for.
    pub dir: Option<PathBuf>,
    /// Bytes of that folder; the oldest files go first.
    pub max_size: Option<u64>,
    /// How files are named in answers.
    pub file_paths: FilePaths,
    /// What becomes of pictures.
    pub images: ImageResponses,
    /// The longest side of a picture in an answer, in pixels; 0 for no limit.
    pub image_max: u32,
    /// Whether answers say the code of what they did.
    pub codegen: bool,
    /// What becomes of snapshots in the answers of actions.
    pub snapshot: SnapshotMode,
    /// Whether snapshots have boxes.
    pub boxes: bool,
    /// Tokens of one page of a long answer; none for the host's own.
    pub page_tokens: Option<u32>,
    /// Whether numbers for programs go into `structuredContent` as well.
    pub structured: bool,
    /// The console level whose new entries are told: `error`, `warning`, `info`, `debug`.
    pub console_level: String,
    /// The attribute that `getByTestId` reads.
    pub test_id_attribute: String,
    /// Whether what the session did is kept as `session.md`.
    pub save_session: bool,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self {
            dir: None,
            max_size: None,
            file_paths: FilePaths::Relative,
            images: ImageResponses::Allow,
            image_max: 1_568,
            codegen: true,
            snapshot: SnapshotMode::Diff,
            boxes: false,
            page_tokens: None,
            structured: false,
            console_level: "info".to_owned(),
            test_id_attribute: "data-testid".to_owned(),
            save_session: false,
        }
    }
}

/// How files are named in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePaths {
    /// From the workspace.
    Relative,
    /// From the root.
    Absolute,
}

/// What becomes of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageResponses {
    /// After the text.
    Allow,
    /// Left out.
    Omit,
    /// Without the text that says what the tool did.
    Only,
}

/// What becomes of snapshots in the answers of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotMode {
    /// In the answer, paged.
    Inline,
    /// In the answer, as what changed since the last one where that is shorter.
    Diff,
    /// In a file that the answer links.
    File,
    /// Left out.
    None,
}

/// How long things may take; none for the host's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Acting on an element.
    pub action: Option<Duration>,
    /// A navigation.
    pub navigation: Option<Duration>,
    /// A fixed wait after an action, instead of one that watches the page.
    pub settle: Option<Duration>,
    /// An assertion.
    pub expect: Option<Duration>,
    /// Any call.
    pub call: Option<Duration>,
}

/// Width and height in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewport {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// How a session's pages are made. What is not said is the browser's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContextOptions {
    /// The size of pages.
    pub viewport: Option<Viewport>,
    /// What `navigator.userAgent` says.
    pub user_agent: Option<String>,
    /// `de-DE`.
    pub locale: Option<String>,
    /// `Europe/Berlin`.
    pub timezone_id: Option<String>,
    /// Latitude, longitude, accuracy in metres.
    pub geolocation: Option<(f64, f64, f64)>,
    /// Device pixels per CSS pixel.
    pub device_scale_factor: Option<f64>,
    /// Whether pages see a mobile device.
    pub is_mobile: bool,
    /// Whether there is a touch screen.
    pub has_touch: bool,
    /// `light`, `dark`.
    pub color_scheme: Option<String>,
    /// Whether pages' content security policies are ignored.
    pub bypass_csp: bool,
    /// Whether pages run no scripts.
    pub no_java_script: bool,
    /// Whether pages find no network.
    pub offline: bool,
    /// `http://host:port`, and hosts that go around it.
    pub proxy: Option<(String, Option<String>)>,
    /// Headers of every request.
    pub extra_http_headers: BTreeMap<String, String>,
    /// Cookies and local storage to begin with.
    pub storage_state: Option<Value>,
    /// Whether certificates that nobody vouches for are taken.
    pub ignore_https_errors: bool,
    /// Whether service workers are kept from starting.
    pub block_service_workers: bool,
    /// What pages may do without asking: `geolocation`, `clipboard-read`.
    pub permissions: Vec<String>,
    /// Scripts that run in every document before its own.
    pub init_scripts: Vec<String>,
    /// Origins that they may load from.
    pub origins: Origins,
}
