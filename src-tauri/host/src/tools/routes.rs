//! browser_network_state_set, browser_route, browser_route_list, browser_unroute: a network of the agent's making.

use futures::FutureExt;
use serde_json::Value;

use ebb_core::{Code, Error, cursors::Body};

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolError, ToolSpec},
    page,
    response::Section,
    schema::{Kind, Schema},
};
use crate::{browser::routes::Route, options::Cap};

/// Characters of a body that the list shows.
const SHOWN: usize = 50;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = |spec: ToolSpec| spec.cap(Cap::Network).modal(Modal::Unaffected);
    vec![
        tool(ToolSpec::browser(
            "browser_network_state_set",
            "Set network state",
            "Take the session offline, or online again",
            || Schema::new().required("state", Kind::Enum(&["online", "offline"])),
            |call, args| async move { state(call, &args).await }.boxed(),
        )),
        tool(ToolSpec::browser(
            "browser_route",
            "Mock requests",
            "Answer requests whose URL fits the pattern yourself, or change their headers",
            || {
                Schema::new()
                    .required("pattern", Kind::String)
                    .describe("glob such as **/api/*")
                    .optional("status", Kind::Number)
                    .optional("body", Kind::String)
                    .optional("contentType", Kind::String)
                    .optional("headers", Kind::list(Kind::String))
                    .describe("\"Name: value\"")
                    .optional("removeHeaders", Kind::String)
                    .describe("names, comma-separated")
            },
            |call, args| async move { route(call, &args).await }.boxed(),
        )),
        tool(
            ToolSpec::browser("browser_route_list", "List routes", "List the active routes", Schema::new, |call, _| {
                async move { list(call) }.boxed()
            })
            .read_only(),
        ),
        tool(ToolSpec::browser(
            "browser_unroute",
            "Remove routes",
            "Remove the routes of a pattern, or all",
            || Schema::new().optional("pattern", Kind::String),
            |call, args| async move { unroute(call, &args).await }.boxed(),
        )),
    ]
}

async fn state(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let offline = args.must("state") == "offline";
    let side = page::side(call)?;
    side.emulate(|emulation| emulation.offline = offline).await?;
    call.response.result(format!("Network is now {}", args.must("state")));
    call.response.code(format!("await page.context().setOffline({offline});"));
    Ok(())
}

async fn route(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let pattern = args.must("pattern");
    let mut route = Route::new(pattern)?;
    route.status = args.number("status").map(status).transpose()?;
    route.body = args.text("body").map(str::to_owned);
    route.content_type = args.text("contentType").map(str::to_owned);
    for header in args.texts("headers").unwrap_or_default() {
        match header.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                route.add.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            _ => call.response.next(format!("Ignored a header that is not \"Name: value\": {}", shown(header))),
        }
    }
    let names = args.text("removeHeaders").unwrap_or_default().split(',').map(str::trim);
    route.remove = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let side = page::side(call)?;
    side.overrides.routes.add(route)?;
    side.routes_changed().await?;
    call.response.result(format!("Route added for pattern: {pattern}"));
    call.response
        .code(format!("await page.context().route({}, async route => {{ /* ... */ }});", page::quoted(pattern)));
    Ok(())
}

fn status(number: f64) -> Result<i64, Error> {
    if number.fract() == 0.0 && (200.0..600.0).contains(&number) {
        return Ok(number as i64);
    }
    Err(Error::new(Code::InvalidArguments, format!("{number} is no HTTP status to answer with"))
        .next("Give a whole number from 200 to 599."))
}

fn list(call: &mut ToolCall) -> Result<(), ToolError> {
    let routes = page::side(call)?.overrides.routes.all();
    if routes.is_empty() {
        call.response.result("No active routes");
        return Ok(());
    }
    let lines = routes.iter().enumerate().map(|(index, route)| line(index + 1, route)).collect();
    call.response.large(Section::Result, Body::items(lines));
    Ok(())
}

/// `1. P (status=404, body=..., contentType=t, addHeaders={"A":"b"}, removeHeaders=a,b)`.
fn line(number: usize, route: &Route) -> String {
    let mut parts = Vec::new();
    if let Some(status) = route.status {
        parts.push(format!("status={status}"));
    }
    if let Some(body) = &route.body {
        parts.push(format!("body={}", shown(body)));
    }
    if let Some(kind) = &route.content_type {
        parts.push(format!("contentType={kind}"));
    }
    if !route.add.is_empty() {
        let added = route
            .add
            .iter()
            .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), Value::from(value.as_str())));
        parts.push(format!("addHeaders={{{}}}", added.collect::<Vec<_>>().join(",")));
    }
    if !route.remove.is_empty() {
        parts.push(format!("removeHeaders={}", route.remove.join(",")));
    }
    let details = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{number}. {}{details}", route.pattern)
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}

async fn unroute(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let side = page::side(call)?;
    let pattern = args.text("pattern");
    let removed = side.overrides.routes.remove(pattern);
    side.routes_changed().await?;
    if let Some(pattern) = pattern {
        call.response.result(format!("Removed {removed} route(s) for pattern: {pattern}"));
        call.response.code(format!("await page.context().unroute({});", page::quoted(pattern)));
    } else {
        call.response.result(format!("Removed all {removed} route(s)"));
        call.response.code("await page.context().unrouteAll();");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_one_line_with_what_it_does() {
        let mut route = Route::new("**/api/*").unwrap();
        assert_eq!(line(1, &route), "1. **/api/*");
        route.status = Some(404);
        route.body = Some("x".repeat(60));
        route.content_type = Some("text/plain".to_owned());
        route.add = vec![("X-B".to_owned(), "1".to_owned()), ("A".to_owned(), "\"".to_owned())];
        route.remove = vec!["a".to_owned(), "b".to_owned()];
        let body = "x".repeat(50);
        assert_eq!(
            line(2, &route),
            format!(
                "2. **/api/* (status=404, body={body}..., contentType=text/plain, \
                 addHeaders={{\"X-B\":\"1\",\"A\":\"\\\"\"}}, removeHeaders=a,b)"
            )
        );
        assert!(status(99.0).is_err() && status(200.5).is_err() && status(404.0).is_ok());
    }
}
