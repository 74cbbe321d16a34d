//! How a client's pages are made.

use serde_json::Value;

use super::{Row, Scope::Client, row};
use crate::options::{
    devices,
    kind::Kind::{Bool, Choice, Document, Float, Headers, List, Object, Repeat, Size, Text},
    set,
};

const PERMISSIONS: &str = "What pages may do without asking, such as geolocation, clipboard-read";

pub(super) fn rows() -> Vec<Row> {
    vec![
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
