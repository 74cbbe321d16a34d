//! browser_get_config: what this client was started with, in the shape of a configuration file.

use std::time::Duration;

use ebb_core::cursors::Body;
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    call::ToolCall,
    catalog::{Modal, ToolSpec},
    response::Section,
    schema::Schema,
};
use crate::options::{Cap, ClientOptions, ContextOptions, FilePaths, ImageResponses, SnapshotMode};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = ToolSpec::browser(
        "browser_get_config",
        "Get the configuration",
        "Show what this client was started with, as JSON",
        Schema::new,
        |call, _| {
            async move {
                show(call);
                Ok(())
            }
            .boxed()
        },
    );
    vec![tool.cap(Cap::Config).read_only().modal(Modal::Unaffected)]
}

fn show(call: &mut ToolCall) {
    let mut shown = config(call.options());
    let timeouts = [("action", call.action_timeout()), ("navigation", call.navigation_timeout())];
    for (name, time) in timeouts {
        shown["timeouts"][name] = milliseconds(time);
    }
    let text = serde_json::to_string_pretty(&shown).unwrap_or_default();
    call.response.large(Section::Result, Body::Text { text });
}

fn milliseconds(time: Duration) -> Value {
    json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The options as configuration keys. Of secrets only the names.
fn config(options: &ClientOptions) -> Value {
    let (output, timeouts) = (&options.output, &options.timeouts);
    let secrets: serde_json::Map<String, Value> =
        options.secrets.0.keys().map(|name| (name.clone(), json!(format!("<secret>{name}</secret>")))).collect();
    let mut all = json!({
        "browser": {"browserName": "chromium", "contextOptions": context(&options.context)},
        "capabilities": options.caps.names(),
        "console": {"level": output.console_level},
        "snapshot": {"mode": snapshot(output.snapshot), "boxes": output.boxes},
        "network": {"allowedOrigins": options.context.origins.allowed, "blockedOrigins": options.context.origins.blocked},
        "timeouts": {"expect": milliseconds(timeouts.expect.unwrap_or(Duration::from_secs(5)))},
        "outputDir": output.dir,
        "outputMaxSize": output.max_size,
        "filePaths": if output.file_paths == FilePaths::Relative { "relative" } else { "absolute" },
        "imageResponses": match output.images {
            ImageResponses::Allow => "allow",
            ImageResponses::Omit => "omit",
            ImageResponses::Only => "only",
        },
        "imageMax": output.image_max,
        "codegen": if output.codegen { "typescript" } else { "none" },
        "testIdAttribute": output.test_id_attribute,
        "pageTokens": output.page_tokens,
        "structured": output.structured,
        "saveSession": output.save_session,
        "allowUnrestrictedFileAccess": options.unrestricted_files,
        "secrets": secrets,
        "initScript": options.context.init_scripts.len(),
    });
    for (name, time) in [("settle", timeouts.settle), ("call", timeouts.call)] {
        if let Some(time) = time {
            all["timeouts"][name] = milliseconds(time);
        }
    }
    without_nulls(all)
}

const fn snapshot(mode: SnapshotMode) -> &'static str {
    match mode {
        SnapshotMode::Inline => "inline",
        SnapshotMode::Diff => "diff",
        SnapshotMode::File => "full",
        SnapshotMode::None => "none",
    }
}

fn context(context: &ContextOptions) -> Value {
    json!({
        "viewport": context.viewport.map(|size| json!({"width": size.width, "height": size.height})),
        "userAgent": context.user_agent,
        "locale": context.locale,
        "timezoneId": context.timezone_id,
        "geolocation": context.geolocation.map(|(latitude, longitude, accuracy)| {
            json!({"latitude": latitude, "longitude": longitude, "accuracy": accuracy})
        }),
        "deviceScaleFactor": context.device_scale_factor,
        "isMobile": context.is_mobile.then_some(true),
        "hasTouch": context.has_touch.then_some(true),
        "colorScheme": context.color_scheme,
        "bypassCSP": context.bypass_csp.then_some(true),
        "javaScriptEnabled": context.no_java_script.then_some(false),
        "offline": context.offline.then_some(true),
        "proxy": context.proxy.as_ref().map(|(server, bypass)| json!({"server": server, "bypass": bypass})),
        // Headers often carry keys: their names are enough here.
        "extraHTTPHeaders": (!context.extra_http_headers.is_empty())
            .then(|| context.extra_http_headers.keys().collect::<Vec<_>>()),
        "storageState": context.storage_state.is_some().then_some("given"),
        "ignoreHTTPSErrors": context.ignore_https_errors.then_some(true),
        "serviceWorkers": context.block_service_workers.then_some("block"),
        "permissions": (!context.permissions.is_empty()).then_some(&context.permissions),
    })
}

/// What was not given is not shown.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(name, member)| (name, without_nulls(member))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_stays_so() {
        let mut options = ClientOptions::default();
        options.secrets.0.insert("PASSWORD".to_owned(), "hunter2".to_owned());
        options.context.extra_http_headers.insert("Authorization".to_owned(), "Bearer abc".to_owned());
        options.context.storage_state = Some(json!({"cookies": [{"value": "crumb"}]}));
        let shown = config(&options).to_string();
        assert!(!["hunter2", "Bearer abc", "crumb"].iter().any(|secret| shown.contains(secret)), "{shown}");
        assert!(shown.contains("PASSWORD") && shown.contains("Authorization"), "{shown}");
        assert!(!shown.contains("null"), "{shown}");
    }
}
