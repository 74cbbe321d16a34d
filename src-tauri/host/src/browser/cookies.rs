//! The cookies of a session: one jar for all its tabs, apart from every other session's.

use std::sync::Arc;

use ebb_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    SessionBrowser,
    pipe::{CALL, CdpError},
    session::explain,
};

/// A cookie in the form that storage files have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cookie {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
    /// The host, with a dot in front where it is for those below too.
    #[serde(default)]
    pub(crate) domain: String,
    /// Where on the host.
    #[serde(default = "root")]
    pub(crate) path: String,
    /// Seconds since 1970; -1 for the end of the browser session.
    #[serde(default = "session")]
    pub(crate) expires: f64,
    /// Hidden from scripts.
    #[serde(default)]
    pub(crate) http_only: bool,
    /// Only over TLS.
    #[serde(default)]
    pub(crate) secure: bool,
    /// `Strict`, `Lax`, `None`.
    #[serde(default = "lax")]
    pub(crate) same_site: String,
}

fn root() -> String {
    "/".to_owned()
}

const fn session() -> f64 {
    -1.0
}

fn lax() -> String {
    "Lax".to_owned()
}

impl Cookie {
    /// A cookie for the end of the browser session.
    pub(crate) fn new(name: &str, value: &str, domain: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: domain.to_owned(),
            path: root(),
            expires: session(),
            http_only: false,
            secure: false,
            same_site: lax(),
        }
    }

    fn of_browser(raw: &Value) -> Self {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |name: &str| raw.get(name).and_then(Value::as_bool).unwrap_or_default();
        let same_site = Some(text("sameSite")).filter(|word| !word.is_empty()).unwrap_or_else(lax);
        let expires = raw.get("expires").and_then(Value::as_f64).unwrap_or(-1.0);
        Self {
            name: text("name"),
            value: text("value"),
            domain: text("domain"),
            path: text("path"),
            expires,
            http_only: flag("httpOnly"),
            secure: flag("secure"),
            same_site,
        }
    }

    fn for_browser(&self) -> Value {
        let mut raw = json!({
            "name": self.name,
            "value": self.value,
            "domain": self.domain,
            "path": self.path,
            "httpOnly": self.http_only,
            "secure": self.secure,
            "sameSite": self.same_site,
        });
        if self.expires >= 0.0 {
            raw["expires"] = json!(self.expires);
        }
        raw
    }
}

impl SessionBrowser {
    /// All cookies of the session. Makes its context if there is none.
    ///
    /// # Errors
    /// As [`Self::context`]; a browser that does not answer.
    pub(crate) async fn cookies(self: &Arc<Self>) -> Result<Vec<Cookie>> {
        Ok(self.raw_cookies().await?.iter().map(Cookie::of_browser).collect())
    }

    async fn raw_cookies(self: &Arc<Self>) -> Result<Vec<Value>> {
        let answer = self.storage("Storage.getCookies", json!({})).await?;
        Ok(answer.get("cookies").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Sets cookies; those of the same name, domain and path are replaced.
    ///
    /// # Errors
    /// As [`Self::cookies`]; what the browser does not take.
    pub(crate) async fn set_cookies(self: &Arc<Self>, cookies: &[Cookie]) -> Result<()> {
        if cookies.is_empty() {
            return Ok(());
        }
        let cookies: Vec<Value> = cookies.iter().map(Cookie::for_browser).collect();
        self.storage("Storage.setCookies", json!({"cookies": cookies})).await.map(drop)
    }

    /// Removes every cookie of this name; how many those were.
    ///
    /// # Errors
    /// As [`Self::cookies`].
    pub(crate) async fn delete_cookies(self: &Arc<Self>, name: &str) -> Result<usize> {
        let mut doomed = self.raw_cookies().await?;
        doomed.retain(|cookie| cookie.get("name").and_then(Value::as_str) == Some(name));
        if !doomed.is_empty() {
            for cookie in &mut doomed {
                // One that is over is gone at once.
                cookie["expires"] = json!(1);
                if let Some(members) = cookie.as_object_mut() {
                    members.retain(|member, _| !matches!(member.as_str(), "session" | "size" | "partitionKeyOpaque"));
                }
            }
            self.storage("Storage.setCookies", json!({"cookies": doomed})).await?;
        }
        Ok(doomed.len())
    }

    /// Removes all cookies of the session.
    ///
    /// # Errors
    /// As [`Self::cookies`].
    pub(crate) async fn clear_cookies(self: &Arc<Self>) -> Result<()> {
        self.storage("Storage.clearCookies", json!({})).await.map(drop)
    }

    /// A command about the storage of the session's context.
    async fn storage(self: &Arc<Self>, method: &str, mut params: Value) -> Result<Value> {
        let context = self.context().await?;
        if let Some(id) = context.named() {
            params["browserContextId"] = Value::from(id.inner().as_str());
        }
        match context.chromium.connection.raw(None, method, &params, CALL).await {
            Ok(answer) => serde_json::from_str(answer.get()).map_err(|error| {
                Error::new(Code::Internal, format!("the browser's answer cannot be read: {error}")).next("Call again.")
            }),
            Err(CdpError::Refused { message }) => {
                Err(Error::new(Code::InvalidArguments, message).next("Check name, domain, path and sameSite."))
            }
            Err(error) => Err(explain(&error)),
        }
    }
}
