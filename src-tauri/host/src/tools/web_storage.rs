//! browser_localstorage_*, browser_sessionstorage_*: what the current page's origin keeps.

use ebb_core::cursors::Body;
use futures::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    response::Section,
    schema::{Kind, Schema},
};
use crate::{
    browser::web_storage::{self, Area},
    options::Cap,
};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let all = [
        ToolSpec::browser(
            "browser_localstorage_list",
            "List localStorage",
            "List localStorage of the page's origin",
            Schema::new,
            list_local,
        )
        .read_only(),
        ToolSpec::browser(
            "browser_localstorage_get",
            "Get from localStorage",
            "Show one localStorage value",
            key,
            get_local,
        )
        .read_only(),
        ToolSpec::browser(
            "browser_localstorage_set",
            "Set in localStorage",
            "Set a localStorage value",
            key_value,
            set_local,
        ),
        ToolSpec::browser(
            "browser_localstorage_delete",
            "Delete from localStorage",
            "Delete a localStorage value",
            key,
            delete_local,
        ),
        ToolSpec::browser(
            "browser_localstorage_clear",
            "Clear localStorage",
            "Delete all localStorage values of the origin",
            Schema::new,
            clear_local,
        ),
        ToolSpec::browser(
            "browser_sessionstorage_list",
            "List sessionStorage",
            "List sessionStorage of the page's origin",
            Schema::new,
            list_session,
        )
        .read_only(),
        ToolSpec::browser(
            "browser_sessionstorage_get",
            "Get from sessionStorage",
            "Show one sessionStorage value",
            key,
            get_session,
        )
        .read_only(),
        ToolSpec::browser(
            "browser_sessionstorage_set",
            "Set in sessionStorage",
            "Set a sessionStorage value",
            key_value,
            set_session,
        ),
        ToolSpec::browser(
            "browser_sessionstorage_delete",
            "Delete from sessionStorage",
            "Delete a sessionStorage value",
            key,
            delete_session,
        ),
        ToolSpec::browser(
            "browser_sessionstorage_clear",
            "Clear sessionStorage",
            "Delete all sessionStorage values of the tab",
            Schema::new,
            clear_session,
        ),
    ];
    all.into_iter().map(|spec| spec.cap(Cap::Storage)).collect()
}

fn key() -> Schema {
    Schema::new().required("key", Kind::String)
}

fn key_value() -> Schema {
    key().required("value", Kind::String)
}

type Running<'a> = BoxFuture<'a, Result<(), ToolError>>;

fn list_local(call: &mut ToolCall, _: Value) -> Running<'_> {
    async move { list(call, Area::Local).await }.boxed()
}
fn list_session(call: &mut ToolCall, _: Value) -> Running<'_> {
    async move { list(call, Area::Session).await }.boxed()
}
fn get_local(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { get(call, Area::Local, args.must("key")).await }.boxed()
}
fn get_session(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { get(call, Area::Session, args.must("key")).await }.boxed()
}
fn set_local(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { set(call, Area::Local, args.must("key"), args.must("value")).await }.boxed()
}
fn set_session(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { set(call, Area::Session, args.must("key"), args.must("value")).await }.boxed()
}
fn delete_local(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { delete(call, Area::Local, args.must("key")).await }.boxed()
}
fn delete_session(call: &mut ToolCall, args: Value) -> Running<'_> {
    async move { delete(call, Area::Session, args.must("key")).await }.boxed()
}
fn clear_local(call: &mut ToolCall, _: Value) -> Running<'_> {
    async move { clear(call, Area::Local).await }.boxed()
}
fn clear_session(call: &mut ToolCall, _: Value) -> Running<'_> {
    async move { clear(call, Area::Session).await }.boxed()
}

fn code(call: &mut ToolCall, body: &str) {
    call.response.code(format!("await page.evaluate(() => {body});"));
}

async fn list(call: &mut ToolCall, area: Area) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let items = web_storage::list(&tab, area).await?;
    code(call, &format!("({{ ...{} }})", area.name()));
    if items.is_empty() {
        call.response.result(format!("No {} items found", area.name()));
        return Ok(());
    }
    let fields = items.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let items = items.iter().map(|(key, value)| format!("{key}={value}")).collect();
    call.response.large(Section::Result, Body::List { header: None, items, footer: None, fields: Some(fields) });
    Ok(())
}

async fn get(call: &mut ToolCall, area: Area, key: &str) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let found = web_storage::get(&tab, area, key).await?;
    code(call, &format!("{}.getItem({})", area.name(), page::quoted(key)));
    match found {
        Some(value) => call.response.large(Section::Result, Body::Text { text: format!("{key}={value}") }),
        None => call.response.result(format!("{} key '{key}' not found", area.name())),
    }
    Ok(())
}

async fn set(call: &mut ToolCall, area: Area, key: &str, value: &str) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    web_storage::set(&tab, area, &[(key.to_owned(), value.to_owned())]).await?;
    code(call, &format!("{}.setItem({}, {})", area.name(), page::quoted(key), page::quoted(value)));
    Ok(())
}

async fn delete(call: &mut ToolCall, area: Area, key: &str) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    web_storage::delete(&tab, area, key).await?;
    code(call, &format!("{}.removeItem({})", area.name(), page::quoted(key)));
    Ok(())
}

async fn clear(call: &mut ToolCall, area: Area) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    web_storage::clear(&tab, area).await?;
    code(call, &format!("{}.clear()", area.name()));
    Ok(())
}
