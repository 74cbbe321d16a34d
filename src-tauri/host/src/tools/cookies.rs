//! browser_cookie_*: the session's cookies.

use ebb_core::{Code, Error, cursors::Body};
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolError, ToolSpec},
    page,
    response::Section,
    schema::{Kind, Schema},
};
use crate::{browser::cookies::Cookie, options::Cap};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = |spec: ToolSpec| spec.cap(Cap::Storage).modal(Modal::Unaffected);
    vec![
        tool(
            ToolSpec::browser(
                "browser_cookie_list",
                "List cookies",
                "List the session's cookies",
                || Schema::new().optional("domain", Kind::String).optional("path", Kind::String),
                |call, args| async move { list(call, &args).await }.boxed(),
            )
            .read_only(),
        ),
        tool(
            ToolSpec::browser(
                "browser_cookie_get",
                "Get a cookie",
                "Show one cookie",
                || Schema::new().required("name", Kind::String),
                |call, args| async move { get(call, args.must("name")).await }.boxed(),
            )
            .read_only(),
        ),
        tool(ToolSpec::browser(
            "browser_cookie_set",
            "Set a cookie",
            "Set a cookie, for the current page's host unless a domain is given",
            || {
                Schema::new()
                    .required("name", Kind::String)
                    .required("value", Kind::String)
                    .optional("domain", Kind::String)
                    .optional("path", Kind::String)
                    .optional("expires", Kind::Number)
                    .describe("seconds since 1970")
                    .optional("httpOnly", Kind::Bool)
                    .optional("secure", Kind::Bool)
                    .optional("sameSite", Kind::Enum(&["Strict", "Lax", "None"]))
            },
            |call, args| async move { set(call, &args).await }.boxed(),
        )),
        tool(ToolSpec::browser(
            "browser_cookie_delete",
            "Delete a cookie",
            "Delete the cookies of a name",
            || Schema::new().required("name", Kind::String),
            |call, args| async move { delete(call, args.must("name")).await }.boxed(),
        )),
        tool(ToolSpec::browser(
            "browser_cookie_clear",
            "Clear cookies",
            "Delete all cookies of the session",
            Schema::new,
            |call, _| async move { clear(call).await }.boxed(),
        )),
    ]
}

async fn list(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let mut cookies = page::side(call)?.cookies().await?;
    let fits = |given: Option<&str>, fit: &dyn Fn(&str) -> bool| given.is_none_or(fit);
    cookies.retain(|cookie| {
        fits(args.text("domain"), &|domain| cookie.domain.contains(domain))
            && fits(args.text("path"), &|path| cookie.path.starts_with(path))
    });
    call.response.code("await page.context().cookies();");
    if cookies.is_empty() {
        call.response.result("No cookies found");
        return Ok(());
    }
    let items =
        cookies.iter().map(|cookie| format!("{} (domain: {}, path: {})", pair(cookie), cookie.domain, cookie.path));
    let fields = cookies.iter().map(|cookie| serde_json::to_value(cookie).unwrap_or_default()).collect();
    let body = Body::List { header: None, items: items.collect(), footer: None, fields: Some(fields) };
    call.response.large(Section::Result, body);
    Ok(())
}

fn pair(cookie: &Cookie) -> String {
    format!("{}={}", cookie.name, cookie.value)
}

async fn get(call: &mut ToolCall, name: &str) -> Result<(), ToolError> {
    let cookies = page::side(call)?.cookies().await?;
    call.response.code("await page.context().cookies();");
    call.response.result(match cookies.iter().find(|cookie| cookie.name == name) {
        None => format!("Cookie '{name}' not found"),
        Some(cookie) => format!(
            "{} (domain: {}, path: {}, httpOnly: {}, secure: {}, sameSite: {})",
            pair(cookie),
            cookie.domain,
            cookie.path,
            cookie.http_only,
            cookie.secure,
            cookie.same_site
        ),
    });
    Ok(())
}

async fn set(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let side = page::side(call)?;
    let domain = match args.text("domain").filter(|domain| !domain.is_empty()) {
        Some(domain) => domain.to_owned(),
        None => host_of_page(call).await?,
    };
    let mut cookie = Cookie::new(args.must("name"), args.must("value"), &domain);
    let path = args.text("path").filter(|path| !path.is_empty());
    cookie.path = path.unwrap_or("/").to_owned();
    cookie.expires = args.number("expires").unwrap_or(-1.0);
    cookie.http_only = args.flag("httpOnly");
    cookie.secure = args.flag("secure");
    if let Some(same_site) = args.text("sameSite") {
        cookie.same_site = same_site.to_owned();
    }
    side.set_cookies(std::slice::from_ref(&cookie)).await?;
    let mut shown = json!({"name": cookie.name, "value": cookie.value, "domain": cookie.domain, "path": cookie.path});
    for name in ["expires", "httpOnly", "secure", "sameSite"] {
        if let Some(given) = args.get(name) {
            shown[name] = given.clone();
        }
    }
    call.response.code(format!("await page.context().addCookies([{}]);", page::literal(&shown)));
    Ok(())
}

/// The host of the current page, whose cookie it is to be.
async fn host_of_page(call: &ToolCall) -> Result<String, ToolError> {
    let tab = page::tab(call).await?;
    let url = tab.peek(|state| state.url().to_owned());
    let host = url::Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.ok_or_else(|| {
        Error::new(Code::InvalidArguments, "The current page has no host that a cookie could belong to")
            .next("Give a domain, or open a page first.")
            .into()
    })
}

async fn delete(call: &mut ToolCall, name: &str) -> Result<(), ToolError> {
    page::side(call)?.delete_cookies(name).await?;
    call.response.code(format!("await page.context().clearCookies({});", page::literal(&json!({"name": name}))));
    Ok(())
}

async fn clear(call: &mut ToolCall) -> Result<(), ToolError> {
    page::side(call)?.clear_cookies().await?;
    call.response.code("await page.context().clearCookies();");
    Ok(())
}
