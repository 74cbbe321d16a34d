//! Every option of `ebb mcp` and `ebb connect`: one row each for flag, variable, configuration key and manual.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    FilePaths, ImageResponses, ServerOptions, SnapshotMode, Viewport, devices,
    kind::Kind::{self, Bool, Choice, Document, Float, Headers, List, Number, Object, Path, Repeat, Size, Text},
    secrets, set,
};

/// Whose an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One client's: `ebb connect` takes it too.
    Client,
    /// The server's.
    Server,
}

/// What a row does with a value.
pub(super) type Set = fn(&mut ServerOptions, &Value) -> Result<(), String>;

/// One option.
pub struct Row {
    /// Without its dashes; empty for none.
    pub flag: &'static str,
    /// In a configuration file; empty for none.
    pub key: &'static str,
    /// What follows the prefix of a variable, where that is not the flag.
    pub(super) variable: Option<&'static str>,
    /// Its value.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// What holds without it, for the manual.
    pub default: &'static str,
    /// One line for the manual.
    pub about: &'static str,
    pub(super) set: Set,
}

impl Row {
    /// The variables it is read from, the first that is set.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        if self.flag.is_empty() {
            return Vec::new();
        }
        let name = self.variable.map_or_else(|| self.flag.replace('-', "_").to_uppercase(), str::to_owned);
        vec![format!("EBB_{name}"), format!("PLAYWRIGHT_MCP_{name}")]
    }
}

const fn row(flag: &'static str, key: &'static str, kind: Kind, scope: Scope, about: &'static str, set: Set) -> Row {
    Row { flag, key, variable: None, kind, scope, default: "", about, set }
}

impl Row {
    const fn otherwise(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }
}

const PERMISSIONS: &str = "What pages may do without asking, such as geolocation, clipboard-read";

/// All rows, in the order of the manual.
#[must_use]
pub fn rows() -> Vec<Row> {
    use Scope::{Client, Server};
    vec![
        row(
            "port",
            "server.port",
            Number,
            Server,
            "Serve over HTTP at this port (0: a free one) instead of standard input and output",
            |o, v| {
                o.port = Some(u16::try_from(set::number(v)).map_err(|_| "this is no port".to_owned())?);
                Ok(())
            },
        ),
        row("host", "server.host", Text, Server, "The name or address to listen at", |o, v| set::text(&mut o.host, v))
            .otherwise("localhost"),
        row(
            "allowed-hosts",
            "server.allowedHosts",
            List(','),
            Server,
            "Host names that requests may name; * for any",
            |o, v| set::list(&mut o.allowed_hosts, v),
        )
        .otherwise("the one it listens at"),
        row("token-file", "", Path, Server, "A file with a token that every HTTP request must carry", |o, v| {
            set::path(&mut o.token_file, v)
        }),
        row(
            "shared-browser-context",
            "sharedBrowserContext",
            Bool,
            Server,
            "One browser context for all HTTP clients",
            |o, v| set::flag(&mut o.client.shared_context, v),
        ),
        row(
            "idle-timeout",
            "timeouts.idle",
            Number,
            Server,
            "Close a browser that nobody used for this many milliseconds; 0: never",
            |o, v| set::time(&mut o.idle, v),
        )
        .otherwise("3600000 if headless and started here, else 0"),
        row(
            "browser",
            "browser.launchOptions.channel",
            Text,
            Server,
            "chrome, chromium, msedge, or one of them with -beta, -dev, -canary",
            set::channel,
        )
        .otherwise("chrome, else any Chromium"),
        row("", "browser.browserName", Text, Server, "chromium", |_, v| set::browser_name(v)),
        row("executable-path", "browser.launchOptions.executablePath", Path, Server, "The browser's binary", |o, v| {
            set::path(&mut o.browser.executable, v)
        }),
        row("headless", "browser.launchOptions.headless", Bool, Server, "Show no window", |o, v| {
            set::some_flag(&mut o.browser.headless, v)
        })
        .otherwise("only without a display"),
        row("headed", "", Bool, Client, "Show a window", |o, v| {
            o.browser.headless = Some(v == &Value::Bool(false));
            Ok(())
        }),
        row(
            "sandbox",
            "browser.launchOptions.chromiumSandbox",
            Bool,
            Server,
            "Whether Chromium's sandbox is on; --no-sandbox for off",
            |o, v| set::some_flag(&mut o.browser.sandbox, v),
        )
        .otherwise("where it can be"),
        row("", "browser.launchOptions.args", List(','), Server, "Further arguments of the browser", |o, v| {
            set::list(&mut o.browser.args, v)
        }),
        row(
            "proxy-server",
            "browser.launchOptions.proxy.server",
            Text,
            Server,
            "A proxy such as http://proxy:3128 or socks5://proxy:8080",
            |o, v| {
                o.browser.proxy.get_or_insert_default().server = set::string(v);
                Ok(())
            },
        ),
        row(
            "proxy-bypass",
            "browser.launchOptions.proxy.bypass",
            Text,
            Server,
            "Hosts that go around the proxy, such as .com,chromium.org",
            |o, v| {
                o.browser.proxy.get_or_insert_default().bypass = Some(set::string(v));
                Ok(())
            },
        ),
        row("", "browser.launchOptions.proxy.username", Text, Server, "Of the proxy", |o, v| {
            o.browser.proxy.get_or_insert_default().username = Some(set::string(v));
            Ok(())
        }),
        row("", "browser.launchOptions.proxy.password", Text, Server, "Of the proxy", |o, v| {
            o.browser.proxy.get_or_insert_default().password = Some(set::string(v));
            Ok(())
        }),
        row(
            "isolated",
            "browser.isolated",
            Bool,
            Server,
            "A context in memory for each client, and no profile on disk",
            |o, v| set::flag(&mut o.browser.isolated, v),
        ),
        row("user-data-dir", "browser.userDataDir", Path, Server, "The profile", |o, v| {
            set::path(&mut o.browser.user_data_dir, v)
        })
        .otherwise("one of the workspace's own"),
        row("cdp-endpoint", "browser.cdpEndpoint", Text, Server, "Use the browser that listens here", |o, v| {
            set::text(&mut o.browser.cdp_endpoint, v)
        }),
        row(
            "cdp-header",
            "browser.cdpHeaders",
            Headers,
            Server,
            "A header for that connection; may be repeated",
            |o, v| set::headers(&mut o.browser.cdp_headers, v),
        )
        .variable("CDP_HEADERS"),
        row(
            "cdp-timeout",
            "browser.cdpTimeout",
            Number,
            Server,
            "Milliseconds that it may take; 0: no limit",
            |o, v| set::time(&mut o.browser.cdp_timeout, v),
        )
        .otherwise("30000"),
        row(
            "caps",
            "capabilities",
            List(','),
            Client,
            "More tools: network, storage, testing, vision, pdf, config, devtools, emulation, all; -read, -cursors, -sessions for fewer",
            set::caps,
        ),
        row("vision", "", Bool, Client, "The old way to say --caps=vision", |o, v| {
            if v == &Value::Bool(true) {
                drop(o.client.caps.take("vision"));
            }
            Ok(())
        }),
        row("workspace", "", Path, Client, "The folder that files are named from", |o, v| {
            set::path(&mut o.client.workspace, v)
        })
        .otherwise("the client's root, else its working directory"),
        row("output-dir", "outputDir", Path, Client, "Where files go that nobody named a place for", |o, v| {
            set::path(&mut o.client.output.dir, v)
        })
        .otherwise(".ebb in the workspace"),
        row(
            "output-max-size",
            "outputMaxSize",
            Number,
            Client,
            "Bytes of that folder; the oldest files go first",
            |o, v| {
                o.client.output.max_size = Some(set::number(v));
                Ok(())
            },
        ),
        row(
            "allow-unrestricted-file-access",
            "allowUnrestrictedFileAccess",
            Bool,
            Client,
            "Files anywhere, and file: addresses",
            |o, v| set::flag(&mut o.client.unrestricted_files, v),
        ),
        row("file-paths", "filePaths", Choice(&["relative", "absolute"]), Client, "How answers name files", |o, v| {
            o.client.output.file_paths = if v == "absolute" { FilePaths::Absolute } else { FilePaths::Relative };
            Ok(())
        })
        .otherwise("relative"),
        row(
            "image-responses",
            "imageResponses",
            Choice(&["allow", "omit", "only"]),
            Client,
            "What becomes of pictures in answers",
            |o, v| {
                o.client.output.images = match v.as_str() {
                    Some("omit") => ImageResponses::Omit,
                    Some("only") => ImageResponses::Only,
                    _ => ImageResponses::Allow,
                };
                Ok(())
            },
        )
        .otherwise("allow"),
        row(
            "image-max",
            "imageMax",
            Number,
            Client,
            "The longest side of a picture in an answer, in pixels; 0: no limit",
            |o, v| {
                o.client.output.image_max = u32::try_from(set::number(v)).unwrap_or(u32::MAX);
                Ok(())
            },
        )
        .otherwise("1568"),
        row(
            "codegen",
            "codegen",
            Choice(&["typescript", "none"]),
            Client,
            "Whether answers show the code of what they did",
            |o, v| {
                o.client.output.codegen = v != "none";
                Ok(())
            },
        )
        .otherwise("typescript"),
        row("page-tokens", "pageTokens", Number, Client, "Tokens of one page of a long answer", |o, v| {
            o.client.output.page_tokens = Some(u32::try_from(set::number(v)).unwrap_or(u32::MAX).clamp(500, 20_000));
            Ok(())
        })
        .otherwise("8000"),
        row("structured", "structured", Bool, Client, "Numbers for programs in structuredContent as well", |o, v| {
            set::flag(&mut o.client.output.structured, v)
        }),
        row(
            "save-session",
            "saveSession",
            Bool,
            Client,
            "Keep what the session did as session.md in the output folder",
            |o, v| set::flag(&mut o.client.output.save_session, v),
        ),
        row(
            "console-level",
            "console.level",
            Choice(&["error", "warning", "info", "debug"]),
            Client,
            "New console entries from this level on are told",
            |o, v| {
                o.client.output.console_level = set::string(v);
                Ok(())
            },
        )
        .otherwise("info"),
        row(
            "snapshot-mode",
            "snapshot.mode",
            Choice(&["full", "none", "inline", "diff"]),
            Client,
            "Snapshots in answers of actions: linked as a file, not at all, in the text, what changed",
            |o, v| {
                o.client.output.snapshot = match v.as_str() {
                    Some("none") => SnapshotMode::None,
                    Some("inline") => SnapshotMode::Inline,
                    Some("diff") => SnapshotMode::Diff,
                    _ => SnapshotMode::File,
                };
                Ok(())
            },
        )
        .otherwise("full; ebb connect: diff"),
        row("snapshot-boxes", "snapshot.boxes", Bool, Client, "Rectangles in snapshots", |o, v| {
            set::flag(&mut o.client.output.boxes, v)
        }),
        row("test-id-attribute", "testIdAttribute", Text, Client, "The attribute that test ids are in", |o, v| {
            o.client.output.test_id_attribute = set::string(v);
            Ok(())
        })
        .otherwise("data-testid"),
        row(
            "secrets",
            "",
            Path,
            Client,
            "A dotenv file of texts that are typed by name and masked everywhere",
            |o, v| {
                o.client.secrets = secrets::read(&PathBuf::from(set::string(v)))?;
                Ok(())
            },
        )
        .variable("SECRETS_FILE"),
        row("", "secrets", Headers, Client, "The same as an object", |o, v| set::headers(&mut o.client.secrets.0, v)),
        row("timeout-action", "timeouts.action", Number, Client, "Milliseconds for acting on an element", |o, v| {
            set::time(&mut o.client.timeouts.action, v)
        })
        .otherwise("5000"),
        row("timeout-navigation", "timeouts.navigation", Number, Client, "Milliseconds for a navigation", |o, v| {
            set::time(&mut o.client.timeouts.navigation, v)
        })
        .otherwise("60000"),
        row(
            "timeout-settle",
            "timeouts.settle",
            Number,
            Client,
            "A fixed wait in milliseconds after actions",
            |o, v| set::time(&mut o.client.timeouts.settle, v),
        )
        .otherwise("adaptive"),
        row("", "timeouts.expect", Number, Client, "Milliseconds for an assertion", |o, v| {
            set::time(&mut o.client.timeouts.expect, v)
        })
        .otherwise("5000"),
        row("timeout-call", "timeouts.call", Number, Client, "Milliseconds for any call", |o, v| {
            set::time(&mut o.client.timeouts.call, v)
        })
        .otherwise("120000"),
        row(
            "allowed-origins",
            "network.allowedOrigins",
            List(';'),
            Client,
            "Origins that pages may load from",
            |o, v| set::list(&mut o.client.context.origins.allowed, v),
        )
        .otherwise("all"),
        row(
            "blocked-origins",
            "network.blockedOrigins",
            List(';'),
            Client,
            "Origins that pages may not load from, whatever is allowed",
            |o, v| set::list(&mut o.client.context.origins.blocked, v),
        ),
        row("device", "", Text, Client, "iPhone 15, iPhone 17, Pixel 10", |o, v| set::device(o, &set::string(v))),
        row("mobile", "", Bool, Client, "A mobile device: Pixel 10", |o, v| {
            // A device that is named is one already.
            if v == &Value::Bool(true) && o.client.device.is_none() { set::device(o, devices::MOBILE) } else { Ok(()) }
        }),
        row("viewport-size", "browser.contextOptions.viewport", Size, Client, "The size of pages", |o, v| {
            set::viewport(o, v)
        })
        .otherwise("1280x720 headless, else the window's"),
        row(
            "user-agent",
            "browser.contextOptions.userAgent",
            Text,
            Client,
            "What pages see as the browser's name",
            |o, v| set::text(&mut o.client.context.user_agent, v),
        ),
        row(
            "storage-state",
            "browser.contextOptions.storageState",
            Document,
            Client,
            "Cookies and local storage to begin with",
            set::storage_state,
        ),
        row(
            "ignore-https-errors",
            "browser.contextOptions.ignoreHTTPSErrors",
            Bool,
            Client,
            "Take certificates that nobody vouches for",
            |o, v| set::flag(&mut o.client.context.ignore_https_errors, v),
        ),
        row("block-service-workers", "", Bool, Client, "Keep service workers from starting", |o, v| {
            set::flag(&mut o.client.context.block_service_workers, v)
        }),
        row("", "browser.contextOptions.serviceWorkers", Choice(&["allow", "block"]), Client, "The same", |o, v| {
            o.client.context.block_service_workers = v == "block";
            Ok(())
        })
        .otherwise("allow"),
        row("grant-permissions", "browser.contextOptions.permissions", List(','), Client, PERMISSIONS, |o, v| {
            set::list(&mut o.client.context.permissions, v)
        }),
        row(
            "init-script",
            "browser.initScript",
            Repeat,
            Client,
            "A script that runs in every document before its own; may be repeated",
            set::init_scripts,
        ),
        row("", "browser.contextOptions.locale", Text, Client, "Such as de-DE", |o, v| {
            set::text(&mut o.client.context.locale, v)
        }),
        row("", "browser.contextOptions.timezoneId", Text, Client, "Such as Europe/Berlin", |o, v| {
            set::text(&mut o.client.context.timezone_id, v)
        }),
        row("", "browser.contextOptions.geolocation", Object, Client, "latitude, longitude, accuracy", |o, v| {
            set::geolocation(o, v)
        }),
        row("", "browser.contextOptions.deviceScaleFactor", Float, Client, "Device pixels a CSS pixel", |o, v| {
            o.client.context.device_scale_factor = v.as_f64().filter(|factor| *factor > 0.0);
            Ok(())
        }),
        row("", "browser.contextOptions.isMobile", Bool, Client, "Whether pages see a mobile device", |o, v| {
            set::flag(&mut o.client.context.is_mobile, v)
        }),
        row("", "browser.contextOptions.hasTouch", Bool, Client, "Whether there is a touch screen", |o, v| {
            set::flag(&mut o.client.context.has_touch, v)
        }),
        row(
            "",
            "browser.contextOptions.colorScheme",
            Choice(&["light", "dark", "no-preference"]),
            Client,
            "What pages are told to look like",
            |o, v| set::text(&mut o.client.context.color_scheme, v),
        ),
        row("", "browser.contextOptions.bypassCSP", Bool, Client, "Ignore pages' content security policies", |o, v| {
            set::flag(&mut o.client.context.bypass_csp, v)
        }),
        row("", "browser.contextOptions.javaScriptEnabled", Bool, Client, "Whether pages run scripts", |o, v| {
            o.client.context.no_java_script = v == &Value::Bool(false);
            Ok(())
        })
        .otherwise("true"),
        row("", "browser.contextOptions.offline", Bool, Client, "Begin without a network", |o, v| {
            set::flag(&mut o.client.context.offline, v)
        }),
        row("", "browser.contextOptions.proxy", Object, Client, "server, bypass", set::context_proxy),
        row("", "browser.contextOptions.extraHTTPHeaders", Headers, Client, "Headers of every request", |o, v| {
            set::headers(&mut o.client.context.extra_http_headers, v)
        }),
    ]
}

/// What is refused at the start, and why.
pub(super) const REFUSED: [(&str, &str); 3] = [
    ("extension", "Ebb does not use a browser extension; use --cdp-endpoint for a browser that runs already"),
    ("endpoint", "Ebb speaks the DevTools protocol only; use --cdp-endpoint"),
    ("init-page", "Ebb runs no code of others in its own process; use --init-script for code in the page"),
];

/// What says nothing here.
pub(super) const IGNORED: [&str; 1] = ["no-webmcp"];

/// How a size is kept.
pub(super) const fn viewport(width: u32, height: u32) -> Viewport {
    Viewport { width, height }
}
