//! What a browser context is given before anybody uses it: permissions, cookies, local storage.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chromiumoxide::{
    cdp::{
        browser_protocol::{
            browser::PermissionType,
            fetch::{EnableParams as FetchEnable, FulfillRequestParams},
            network::CookieParam,
            page::{EnableParams as PageEnable, NavigateParams},
            storage::SetCookiesParams,
            target::{CloseTargetParams, CreateTargetParams},
        },
        js_protocol::runtime::{EvaluateParams, RunIfWaitingForDebuggerParams},
    },
    types::Command,
};
use ebb_core::{Code, Error, Result};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    hub::Hub,
    pipe::{CALL, CdpError},
    session::{Context, explain},
};
use crate::options::ContextOptions;

/// How long the storage of all origins may take.
const STORAGE: Duration = Duration::from_secs(10);
/// Events of the page that writes it which may wait.
pub(super) const EVENTS: usize = 256;

/// An event of a page that nobody else sees.
pub(super) struct SeedEvent {
    /// Its DevTools session.
    pub(super) session: String,
    /// `Fetch.requestPaused` or `Target.attachedToTarget`.
    pub(super) method: String,
    /// What it says.
    pub(super) params: Value,
}

/// Gives `context` what `options` say. Nobody may use it before.
///
/// # Errors
/// Permissions that do not exist, a state that is none; the browser's refusal.
pub(super) async fn seed(context: &Context, hub: &Arc<Hub>, options: &ContextOptions) -> Result<()> {
    if !options.permissions.is_empty() {
        let permissions = options.permissions.iter().map(|name| permission(name)).collect::<Result<Vec<_>>>()?;
        // The library's protocol has no word for it any more; browsers do.
        let mut grant = json!({"permissions": permissions});
        if let (Some(id), Some(grant)) = (context.named(), grant.as_object_mut()) {
            grant.insert("browserContextId".to_owned(), json!(id));
        }
        let granted = context.chromium.connection.raw(None, "Browser.grantPermissions", &grant, CALL).await;
        granted.map_err(refused)?;
    }
    let Some(state) = &options.storage_state else { return Ok(()) };
    let cookies = state.get("cookies").and_then(Value::as_array);
    let cookies = cookies.into_iter().flatten().map(cookie).collect::<Result<Vec<_>>>()?;
    if !cookies.is_empty() {
        let mut set = SetCookiesParams::new(cookies);
        set.browser_context_id = context.named();
        call(context, &set).await?;
    }
    let origins: Vec<(&str, &Value)> = origins(state);
    if origins.is_empty() {
        return Ok(());
    }
    let stored = tokio::time::timeout(STORAGE, store(context, hub, &origins)).await;
    hub.stop_seeding(&context.id);
    stored.unwrap_or_else(|_| Err(failed("it took too long")))
}

async fn call<C: Command>(context: &Context, command: &C) -> Result<C::Response> {
    context.chromium.connection.call_within(None, command, CALL).await.map_err(refused)
}

fn refused(error: CdpError) -> Error {
    match error {
        CdpError::Refused { message } => failed(&message),
        other => explain(&other),
    }
}

fn failed(why: &str) -> Error {
    let why = ebb_core::sessions::clean_text(why, 300);
    Error::new(Code::InvalidArguments, format!("the browser context cannot be made as asked: {why}"))
        .next("Correct the storage state or the permissions that this client was started with.")
}

/// The protocol's word for a permission.
fn permission(name: &str) -> Result<PermissionType> {
    Ok(match name {
        "geolocation" => PermissionType::Geolocation,
        "midi" => PermissionType::Midi,
        "midi-sysex" => PermissionType::MidiSysex,
        "notifications" => PermissionType::Notifications,
        "camera" => PermissionType::VideoCapture,
        "microphone" => PermissionType::AudioCapture,
        "background-sync" => PermissionType::BackgroundSync,
        "ambient-light-sensor" | "accelerometer" | "gyroscope" | "magnetometer" => PermissionType::Sensors,
        "clipboard-read" => PermissionType::ClipboardReadWrite,
        "clipboard-write" => PermissionType::ClipboardSanitizedWrite,
        "payment-handler" => PermissionType::PaymentHandler,
        "storage-access" => PermissionType::StorageAccess,
        "local-fonts" => PermissionType::LocalFonts,
        "local-network-access" => PermissionType::LocalNetworkAccess,
        "screen-wake-lock" => PermissionType::WakeLockScreen,
        _ => return Err(failed(&format!("Unknown permission: {name}"))),
    })
}

/// A cookie as storage files have it.
fn cookie(given: &Value) -> Result<CookieParam> {
    const FIELDS: [&str; 9] = ["name", "value", "url", "domain", "path", "secure", "httpOnly", "sameSite", "expires"];
    let mut cookie = json!({});
    for field in FIELDS {
        let value = given.get(field).filter(|value| !value.is_null());
        // -1: until the browser ends, which is what holds without.
        let value = value.filter(|value| field != "expires" || value.as_f64().is_some_and(|time| time >= 0.0));
        if let (Some(value), Some(cookie)) = (value, cookie.as_object_mut()) {
            cookie.insert(field.to_owned(), value.clone());
        }
    }
    serde_json::from_value(cookie).map_err(|_| failed("a cookie of the storage state is none"))
}

/// Origins with something to store.
fn origins(state: &Value) -> Vec<(&str, &Value)> {
    let all = state.get("origins").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|origin| {
        let items =
            origin.get("localStorage").filter(|items| items.as_array().is_some_and(|items| !items.is_empty()))?;
        Some((origin.get("origin")?.as_str()?, items))
    })
    .collect()
}

/// Writes local storage from a page of its own, whose documents are empty and come from nowhere: no server is
/// asked for anything.
async fn store(context: &Context, hub: &Arc<Hub>, origins: &[(&str, &Value)]) -> Result<()> {
    let connection = &context.chromium.connection;
    let mut events = hub.start_seeding(&context.id);
    let mut create = CreateTargetParams::new("about:blank");
    create.browser_context_id = context.named();
    let target = call(context, &create).await?.target_id;
    let page = loop {
        let Some(event) = events.recv().await else { return Err(failed("the browser is gone")) };
        if event.method == "Target.attachedToTarget" {
            break event.session;
        }
    };
    connection.post(Some(&page), &PageEnable::default());
    connection.post(Some(&page), &FetchEnable::default());
    connection.post(Some(&page), &RunIfWaitingForDebuggerParams::default());
    let mut written = Ok(());
    for (origin, items) in origins {
        written = store_one(context, &page, &mut events, origin, items).await;
        if written.is_err() {
            break;
        }
    }
    let closed = connection.call_within(None, &CloseTargetParams::new(target), CALL).await;
    written.and(closed.map(drop).map_err(|error| explain(&error)))
}

async fn store_one(
    context: &Context,
    page: &str,
    events: &mut mpsc::Receiver<SeedEvent>,
    origin: &str,
    items: &Value,
) -> Result<()> {
    let connection = &context.chromium.connection;
    let empty = async {
        while let Some(event) = events.recv().await {
            let id = event.params.get("requestId").and_then(Value::as_str);
            if let Some(id) = id.filter(|_| event.method == "Fetch.requestPaused") {
                let mut answer = FulfillRequestParams::new(id.to_owned(), 200);
                answer.body = Some(STANDARD.encode("<!doctype html>").into());
                connection.post(Some(page), &answer);
            }
        }
    };
    let navigate = NavigateParams::new(origin.to_owned());
    let opened = tokio::select! {
        opened = connection.call_within(Some(page), &navigate, CALL) => opened.map_err(|error| explain(&error))?,
        () = empty => return Err(failed("the browser is gone")),
    };
    if let Some(why) = opened.error_text {
        return Err(failed(&format!("{origin} is no origin with storage ({why})")));
    }
    let write = format!(
        "(() => {{ if (location.origin === 'null') throw new Error('no origin'); \
         for (const {{name, value}} of {items}) localStorage.setItem(name, value); }})()"
    );
    let written = connection.call_within(Some(page), &EvaluateParams::new(write), CALL).await;
    match written.map_err(|error| explain(&error))?.exception_details {
        Some(exception) => Err(failed(&format!("{origin}: {}", exception.text))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_of_a_storage_file_become_the_protocols() {
        let given = json!({"name": "a", "value": "1", "domain": "x.test", "path": "/", "expires": -1,
            "httpOnly": true, "secure": false, "sameSite": "Lax", "partitionKey": "y"});
        let told = serde_json::to_value(cookie(&given).unwrap()).unwrap();
        assert_eq!(told["sameSite"], "Lax");
        assert!(told.get("expires").is_none() && told.get("partitionKey").is_none());
        assert!(cookie(&json!({"name": 3})).is_err());
    }

    #[test]
    fn unknown_permissions_are_named() {
        assert!(permission("clipboard-read").is_ok());
        assert!(permission("teleport").unwrap_err().message.contains("Unknown permission: teleport"));
    }

    #[test]
    fn origins_without_storage_are_left_alone() {
        let state = json!({"origins": [{"origin": "http://a", "localStorage": []},
            {"origin": "http://b", "localStorage": [{"name": "k", "value": "v"}]}, {"localStorage": [1]}]});
        assert_eq!(origins(&state).iter().map(|(origin, _)| *origin).collect::<Vec<_>>(), ["http://b"]);
    }
}
