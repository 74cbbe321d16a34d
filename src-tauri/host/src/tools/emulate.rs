//! browser_emulate.

use std::collections::BTreeMap;

use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::Value;

use super::{
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{
    browser::emulation::{Conditions, Emulation, Screen},
    options::Cap,
};

const NETWORKS: &[&str] = &["Offline", "Slow 3G", "Fast 3G", "Slow 4G", "Fast 4G"];

/// Headers of one session, and bytes of one.
const MAX_HEADERS: usize = 50;
const MAX_HEADER: usize = 8 * 1024;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = ToolSpec::browser(
        "browser_emulate",
        "Emulate",
        "Emulate network, CPU, place or device in all tabs; left out is unchanged, null resets",
        || {
            Schema::new()
                .optional("networkConditions", Kind::EnumOrNull(NETWORKS))
                .optional("cpuThrottlingRate", Kind::or_null(Kind::Number))
                .describe("1 to 20")
                .optional("geolocation", Kind::or_null(Kind::String))
                .describe("latitude,longitude")
                .optional("userAgent", Kind::or_null(Kind::String))
                .optional("viewport", Kind::or_null(Kind::String))
                .describe("WxHxDPR[,mobile][,touch][,landscape]")
                .optional("extraHttpHeaders", Kind::or_null(Kind::map(Kind::String)))
                .optional("locale", Kind::or_null(Kind::String))
                .optional("timezoneId", Kind::or_null(Kind::String))
        },
        |call, args| async move { emulate(call, &args).await }.boxed(),
    );
    vec![tool.cap(Cap::Emulation)]
}

async fn emulate(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let side = page::side(call)?;
    let beginning = side.overrides.beginning();
    let mut after = side.overrides.emulation();
    change(&mut after, &beginning, args)?;
    let emulation = side.emulate(|emulation| *emulation = after).await?;
    let lines = emulation.lines(&beginning);
    call.response.result(if lines.is_empty() {
        "Nothing is emulated".to_owned()
    } else {
        format!("Emulating:\n{}", lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"))
    });
    if ["userAgent", "locale", "timezoneId"].iter().any(|name| args.get(*name).is_some()) {
        call.response.next("Pages that are open may have read the old values: navigate again");
    }
    page::after_action(call, &tab, false).await
}

/// A text; none for null.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Changes what the arguments name; null is how the session began.
fn change(emulation: &mut Emulation, beginning: &Emulation, args: &Value) -> Result<(), Error> {
    if let Some(given) = args.get("networkConditions") {
        emulation.conditions = text(given).and_then(Conditions::named);
    }
    if let Some(given) = args.get("cpuThrottlingRate") {
        let rate = given.as_f64();
        if let Some(wrong) = rate.filter(|rate| !(1.0..=20.0).contains(rate)) {
            return Err(Error::new(Code::InvalidArguments, format!("cpuThrottlingRate is {wrong}, not 1 to 20"))
                .next("Give 4 for a usual telephone, or null for no throttling."));
        }
        emulation.cpu = rate.filter(|rate| *rate > 1.0);
    }
    if let Some(given) = args.get("geolocation") {
        emulation.geolocation = text(given).map(point).transpose()?.or(beginning.geolocation);
    }
    if let Some(given) = args.get("userAgent") {
        emulation.user_agent = text(given).map(str::to_owned).or_else(|| beginning.user_agent.clone());
    }
    if let Some(given) = args.get("viewport") {
        emulation.screen = text(given).map(Screen::parse).transpose()?.or(beginning.screen);
    }
    if let Some(given) = args.get("extraHttpHeaders") {
        emulation.headers = if given.is_null() { beginning.headers.clone() } else { headers_of(given)? };
    }
    if let Some(given) = args.get("locale") {
        emulation.locale = text(given).map(str::to_owned).or_else(|| beginning.locale.clone());
    }
    if let Some(given) = args.get("timezoneId") {
        emulation.timezone = text(given).map(str::to_owned).or_else(|| beginning.timezone.clone());
    }
    Ok(())
}

fn point(text: &str) -> Result<(f64, f64, f64), Error> {
    let (latitude, longitude) = text.split_once(',').unwrap_or_default();
    match (latitude.trim().parse::<f64>(), longitude.trim().parse::<f64>()) {
        (Ok(latitude), Ok(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Ok((latitude, longitude, 1.0))
        }
        _ => Err(Error::new(Code::InvalidArguments, format!("\"{text}\" is no place"))
            .next("Give latitude and longitude in degrees, such as 52.52,13.405.")),
    }
}

fn headers_of(given: &Value) -> Result<BTreeMap<String, String>, Error> {
    let headers: BTreeMap<String, String> = given
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let fine = |(name, value): (&String, &String)| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
            && value.len() <= MAX_HEADER
            && !value.contains(['\r', '\n', '\0'])
    };
    if headers.len() > MAX_HEADERS || !headers.iter().all(fine) {
        return Err(Error::new(
            Code::InvalidArguments,
            "extraHttpHeaders has a name or value that no request can have",
        )
        .next("Names are words such as X-Test, values one line; at most 50."));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn left_out_stays_and_null_is_how_it_began() {
        let began = Emulation { locale: Some("fr-FR".to_owned()), offline: true, ..Emulation::default() };
        let mut emulation = began.clone();
        let all = json!({
            "networkConditions": "Fast 4G", "cpuThrottlingRate": 4, "geolocation": "52.5, 13.4", "userAgent": "A",
            "viewport": "400x800x2,mobile,touch", "extraHttpHeaders": {"X-A": "1"}, "locale": "de-DE",
            "timezoneId": "Europe/Berlin",
        });
        change(&mut emulation, &began, &all).unwrap();
        assert_eq!(emulation.lines(&began).len(), 8, "{:?}", emulation.lines(&began));
        let before = emulation.clone();
        change(&mut emulation, &began, &json!({})).unwrap();
        assert_eq!(emulation, before);
        let nulls: serde_json::Map<String, Value> =
            all.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
        change(&mut emulation, &began, &Value::Object(nulls)).unwrap();
        assert_eq!(emulation, began);
        assert!(emulation.lines(&began).is_empty());
        for wrong in [
            json!({"cpuThrottlingRate": 0.5}),
            json!({"geolocation": "91,0"}),
            json!({"geolocation": "here"}),
            json!({"viewport": "wide"}),
            json!({"extraHttpHeaders": {"a b": "1"}}),
            json!({"extraHttpHeaders": {"a": "1\r\nb: 2"}}),
        ] {
            assert_eq!(change(&mut emulation, &began, &wrong).unwrap_err().code, Code::InvalidArguments, "{wrong}");
        }
    }
}
