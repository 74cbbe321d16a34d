//! A browser that somebody else runs: its address, and a WebSocket to it.

use std::{fmt, time::Duration};

use async_tungstenite::{
    WebSocketStream,
    tokio::{ConnectStream, connect_async_with_config},
    tungstenite::{
        client::IntoClientRequest,
        http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};
use base64::Engine as _;
use ebb_core::{Code, Error, Result};
use serde::Deserialize;
use url::{Host, Url};

use super::{pipe::MAX_MESSAGE, plan::Plan};

/// How long a connection may take, the question for its address included.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest time that may be given it.
const LONGEST: Duration = Duration::from_secs(100);

/// Bytes of the answer to `/json/version`.
const MAX_VERSION: usize = 64 * 1024;

/// A WebSocket to a browser.
pub(super) type Socket = WebSocketStream<ConnectStream>;

/// Where a browser listens. Everything in it but scheme, host and port may be a secret: it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(Url);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "webSocketDebuggerUrl")]
    socket: String,
}

/// A browser's address as it may be shown: scheme, host and port, and no secrets.
///
/// # Errors
/// [`Code::InvalidArguments`] when it is none; its text is not repeated.
pub fn shown(text: &str) -> Result<String> {
    Endpoint::parse(text).map(|endpoint| endpoint.to_string())
}

impl Endpoint {
    /// Reads `ws://host:port/path`, or `http://host:port` where the browser itself tells the path.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`]; the text itself is not repeated, it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(Code::InvalidArguments, format!("the browser endpoint {why}"))
                .next("Give an address such as ws://host:9222/devtools/browser/<id> or http://host:9222.")
        };
        let url = Url::parse(text.trim()).map_err(|error| wrong(&format!("is no address: {error}")))?;
        match url.scheme() {
            "ws" | "http" if url.host().is_some() => Ok(Self(url)),
            "wss" | "https" => Err(wrong("needs TLS, which Ebb does not speak here; use a tunnel, such as ssh -L")),
            _ => Err(wrong("has to begin with ws:// or http://")),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`] with the reason.
    pub(super) async fn connect(&self, plan: &Plan) -> Result<Socket> {
        let failed = |why: &str| {
            let why = ebb_core::sessions::clean_text(why, 300);
            Error::new(Code::BrowserFailed, format!("the browser at {self} cannot be reached: {why}"))
                .next("Start it, or correct the endpoint (--browser-endpoint, EBB_BROWSER_ENDPOINT); then call again.")
        };
        // Zero is as long as it likes, which here is as long as any call.
        let limit = plan.connect.map_or(CONNECT, |limit| if limit.is_zero() { LONGEST } else { limit.min(LONGEST) });
        match tokio::time::timeout(limit, self.dial(&headers_of(plan).map_err(|why| failed(&why))?)).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(why)) => Err(failed(&why)),
            Err(_) => Err(failed(&format!("no answer within {} ms", limit.as_millis()))),
        }
    }

    async fn dial(&self, headers: &HeaderMap) -> Result<Socket, String> {
        let socket = if self.0.scheme() == "http" { self.ask(headers).await? } else { self.0.clone() };
        let mut request = without_user(&socket).as_str().into_client_request().map_err(|error| error.to_string())?;
        if let Some(header) = self.authorization() {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        request.headers_mut().extend(headers.clone());
        let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let (stream, _) = connect_async_with_config(request, Some(config)).await.map_err(|error| error.to_string())?;
        Ok(stream)
    }

    /// Asks a browser at `http://host:port` for the path of its socket. Chromium answers only to a numeric
    /// address, so a name is looked up first.
    async fn ask(&self, headers: &HeaderMap) -> Result<Url, String> {
        let mut at = without_user(&self.0);
        if let Some(Host::Domain(name)) = self.0.host()
            && name != "localhost"
        {
            let port = self.0.port_or_known_default().unwrap_or(80);
            let mut found = tokio::net::lookup_host((name, port)).await.map_err(|error| error.to_string())?;
            let address = found.next().ok_or("its name has no address")?;
            at.set_ip_host(address.ip()).map_err(|()| "its address cannot be used".to_owned())?;
        }
        at.set_path("/json/version");
        at.set_query(None);
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let mut asking = client.map_err(|error| error.to_string())?.get(at.clone());
        if let Some(header) = self.authorization() {
            asking = asking.header(AUTHORIZATION, header);
        }
        asking = asking.headers(headers.clone());
        // The library's words name the address, which is not shown.
        let mut answer = asking.send().await.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("it answers {} to /json/version", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_VERSION {
                return Err("it is no browser: its answer is too long".to_owned());
            }
        }
        let version: Version =
            serde_json::from_slice(&body).map_err(|_| "it is no browser: it does not say where its socket is")?;
        let told = Url::parse(&version.socket).map_err(|error| format!("its socket has no address: {error}"))?;
        // It may call itself 127.0.0.1 where we know it by another name: only the path counts.
        at.set_path(told.path());
        at.set_query(told.query());
        at.set_scheme("ws").map_err(|()| "its socket cannot be used".to_owned())?;
        Ok(at)
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let user = self.0.username();
        let password = self.0.password();
        if user.is_empty() && password.is_none() {
            return None;
        }
        let plain = |text: &str| percent_decoded(text);
        let both = format!("{}:{}", plain(user), plain(password.unwrap_or_default()));
        let encoded = base64::engine::general_purpose::STANDARD.encode(both);
        let mut header = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The headers that the connection is made with.
fn headers_of(plan: &Plan) -> Result<HeaderMap, String> {
    let parsed = plan.headers.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| format!("the header {name} has no usable value"))?;
        value.set_sensitive(true);
        Ok((name, value))
    });
    parsed.collect()
}

/// The address without user and password: they travel in a header.
fn without_user(url: &Url) -> Url {
    let mut bare = url.clone();
    // An address with a host has a place for both, empty or not.
    let cleared = bare.set_username("").and_then(|()| bare.set_password(None));
    debug_assert!(cleared.is_ok(), "an endpoint has a host");
    bare
}

/// The text behind `%40` and the like.
fn percent_decoded(text: &str) -> String {
    // A query value is decoded the same way, except for these two.
    let text = text.replace('+', "%2B").replace('&', "%26");
    url::form_urlencoded::parse(format!("x={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let endpoint = Endpoint::parse("ws://user:pa%40ss@box.local:3000/playwright?token=secret#x").unwrap();
        for text in [endpoint.to_string(), format!("{endpoint:?}")] {
            assert_eq!(text, "ws://box.local:3000");
        }
        assert_eq!(endpoint.authorization().unwrap().to_str().unwrap(), "Basic dXNlcjpwYUBzcw==");
        for wrong in ["ws:/user:secret@", "wss://user:secret@host", "ftp://user:secret@host/", "user:secret@host:1"] {
            let error = Endpoint::parse(wrong).unwrap_err();
            assert_eq!(error.code, Code::InvalidArguments);
            assert!(!format!("{} {:?}", error.message, error.next).contains("secret"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_a_clear_error_without_secrets() {
        // A port that nobody has: it was just given back.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for scheme in ["ws", "http"] {
            let endpoint = Endpoint::parse(&format!("{scheme}://user:secret@127.0.0.1:{port}/secret")).unwrap();
            let error = endpoint.connect(&Plan::default()).await.err().unwrap();
            assert_eq!(error.code, Code::BrowserFailed);
            assert!(error.message.contains(&format!("127.0.0.1:{port}")) && error.next.is_some(), "{error:?}");
            assert!(!error.message.contains("secret"), "{error:?}");
        }
    }
}
