//! What the rows of the table do with values that have the right kind already.
#![expect(clippy::unnecessary_wraps, reason = "the rows of the table have setters of one type")]

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::Value;

use super::{ServerOptions, devices, table::viewport as size};

/// The largest file with a script or a storage state.
const MAX_FILE: u64 = 64 * 1024 * 1024;

type Done = Result<(), String>;

pub(super) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

pub(super) fn flag(field: &mut bool, value: &Value) -> Done {
    *field = value == &Value::Bool(true);
    Ok(())
}

pub(super) fn some_flag(field: &mut Option<bool>, value: &Value) -> Done {
    *field = value.as_bool();
    Ok(())
}

pub(super) fn text(field: &mut Option<String>, value: &Value) -> Done {
    *field = Some(string(value)).filter(|text| !text.is_empty());
    Ok(())
}

pub(super) fn path(field: &mut Option<PathBuf>, value: &Value) -> Done {
    let given = string(value);
    if given.is_empty() {
        *field = None;
        return Ok(());
    }
    let absolute = std::path::absolute(&given).map_err(|error| format!("{given} is no usable path: {error}"))?;
    *field = Some(absolute);
    Ok(())
}

pub(super) fn time(field: &mut Option<Duration>, value: &Value) -> Done {
    *field = Some(Duration::from_millis(number(value)));
    Ok(())
}

pub(super) fn list(field: &mut Vec<String>, value: &Value) -> Done {
    *field = strings(value);
    Ok(())
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(string).collect()
}

pub(super) fn headers(field: &mut BTreeMap<String, String>, value: &Value) -> Done {
    let entries = value.as_object().into_iter().flatten();
    *field = entries.map(|(name, value)| (name.clone(), string(value))).collect();
    Ok(())
}

pub(super) fn channel(options: &mut ServerOptions, value: &Value) -> Done {
    let name = string(value);
    let base = name.split('-').next().unwrap_or_default();
    let rest = name.strip_prefix(base).unwrap_or_default();
    let known = match base {
        "chromium" | "chrome" | "msedge" => {
            ["", "-beta", "-dev", "-canary"].contains(&rest) || name == "chromium-headless-shell"
        }
        _ => false,
    };
    if !known {
        return Err(unsupported(&name));
    }
    options.browser.channel = Some(name);
    Ok(())
}

fn unsupported(name: &str) -> String {
    format!("Ebb drives Chromium browsers only, not \"{name}\"; use chrome, chromium or msedge (-beta, -dev, -canary)")
}

pub(super) fn browser_name(value: &Value) -> Done {
    let name = string(value);
    if name == "chromium" { Ok(()) } else { Err(unsupported(&name)) }
}

pub(super) fn caps(options: &mut ServerOptions, value: &Value) -> Done {
    options.client.caps = super::Caps::default();
    let unknown = options.client.caps.take(&strings(value).join(","));
    options.client.unknown_caps = unknown;
    Ok(())
}

pub(super) fn device(options: &mut ServerOptions, name: &str) -> Done {
    let device = devices::find(name)?;
    device.apply(&mut options.client.context);
    options.client.device = Some(device.name.to_owned());
    options.browser.viewport = Some(Some(device.viewport()));
    Ok(())
}

pub(super) fn viewport(options: &mut ServerOptions, value: &Value) -> Done {
    let side = |name: &str| {
        let value = value.get(name)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (1.0..=10_000.0).contains(&number).then_some(number as u32)
    };
    let viewport = match (value, side("width"), side("height")) {
        (Value::Null, ..) => None,
        (_, Some(width), Some(height)) => Some(size(width, height)),
        _ => return Err("expected width and height from 1 to 10000".to_owned()),
    };
    options.client.context.viewport = viewport;
    options.browser.viewport = Some(viewport);
    Ok(())
}

pub(super) fn geolocation(options: &mut ServerOptions, value: &Value) -> Done {
    let number = |name: &str| {
        let value = value.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    };
    let (latitude, longitude) =
        number("latitude").zip(number("longitude")).ok_or_else(|| "expected latitude and longitude".to_owned())?;
    if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
        return Err("expected a latitude from -90 to 90 and a longitude from -180 to 180".to_owned());
    }
    options.client.context.geolocation = Some((latitude, longitude, number("accuracy").unwrap_or_default()));
    Ok(())
}

pub(super) fn context_proxy(options: &mut ServerOptions, value: &Value) -> Done {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let server = text("server").ok_or_else(|| "expected a server".to_owned())?;
    options.client.context.proxy = Some((server, text("bypass")));
    Ok(())
}

/// A file with the state, or the state itself.
pub(super) fn storage_state(options: &mut ServerOptions, value: &Value) -> Done {
    let state = match value.as_str() {
        Some(path) => {
            let text = read(path)?;
            serde_json::from_str(&text).map_err(|error| format!("{path} is no storage state: {error}"))?
        }
        None => value.clone(),
    };
    if !state.is_object() {
        return Err("a storage state is an object with cookies and origins".to_owned());
    }
    options.client.context.storage_state = Some(state);
    Ok(())
}

pub(super) fn init_scripts(options: &mut ServerOptions, value: &Value) -> Done {
    options.client.context.init_scripts = strings(value).iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    Ok(())
}

fn read(path: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{path} cannot be read: {error}");
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(format!("{path} is no file of at most 64 MB"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
