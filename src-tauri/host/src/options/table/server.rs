//! The server and its browser.

use serde_json::Value;

use super::{
    Row,
    Scope::{Client, Server},
    row,
};
use crate::options::{
    kind::Kind::{Bool, Headers, List, Number, Path, Text},
    set,
};

pub(super) fn rows() -> Vec<Row> {
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
    ]
}
