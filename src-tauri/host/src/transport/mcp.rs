//! One MCP client on one stream, in both eras of the protocol: what it asks and what it is answered.
//!
//! A stateless client (revision 2026-07-28) over a stream is still the stream's client: its requests
//! belong to whoever is at the other end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::request::Parts;
use ebb_core::{
    Code, Error,
    cursors::ReadRequest,
    ids::{ClientId, CursorId, SessionId},
    sessions::Signal,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock, CustomRequest,
        CustomResult, DiscoverResult, ErrorCode, GetPromptRequestMethod, GetPromptRequestParams, GetPromptResponse,
        Implementation, InitializeRequestParams, InitializeResult, ListPromptsRequestMethod, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject, PaginatedRequestParams,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
        ResourceContents, ServerCapabilities, ServerConfig, ServerRequest, SubscriptionFilter, Tool, ToolAnnotations,
    },
    service::{NotificationContext, PeerRequestOptions, RequestContext, SubscriptionContext},
};
use tokio::sync::watch;

use super::{
    heartbeat,
    http::{Asked, HttpClients},
    progress::Signs,
};
use crate::clients::name_for_people;
use crate::files::PATIENCE;
use crate::tools::{
    call::{Manner, ToolHost, Unnamed},
    catalog::{self, Catalog},
    response::{Answer, Response},
    setups::Setup,
};

/// What a model reads before anything else.
const INSTRUCTIONS: &str = "Each client has its own browser session, opened by its first browser call and gone with \
it; session_open gives further isolated ones whose handle any browser tool takes as \"session\". Long results end with \
More: read on or search them with cursor_read, instead of calling the tool again. Targets are refs such as e5 from the \
latest snapshot.";

/// How long a client may keep the list of tools, in milliseconds: it never changes while the host runs.
const TTL_MS: u64 = 60 * 60 * 1_000;

/// The client at the other end, as the protocol's library calls it.
pub(super) struct Agent {
    host: Arc<ToolHost>,
    who: Who,
    introduced: AtomicBool,
    ping: Option<Duration>,
    pinged: AtomicBool,
}

/// Whose the requests are.
enum Who {
    /// All of them this client's: it is the one at the other end of a stream.
    Stream(ClientId),
    /// Each says for itself.
    Http(Arc<HttpClients>),
}

impl Agent {
    /// The handler of `client`'s requests.
    pub(super) const fn new(host: Arc<ToolHost>, client: ClientId) -> Self {
        Self::of(host, Who::Stream(client))
    }

    /// The handler of requests over HTTP; the library makes one for each session or request.
    pub(super) const fn over_http(host: Arc<ToolHost>, clients: Arc<HttpClients>) -> Self {
        Self::of(host, Who::Http(clients))
    }

    const fn of(host: Arc<ToolHost>, who: Who) -> Self {
        Self { host, who, introduced: AtomicBool::new(false), ping: None, pinged: AtomicBool::new(false) }
    }

    /// The same where clients with an open event stream are asked whether they are there.
    #[must_use]
    pub(super) const fn pinging(mut self, ping: Option<Duration>) -> Self {
        self.ping = ping;
        self
    }

    /// Whose request this is.
    fn client(&self, context: &RequestContext<RoleServer>) -> Result<ClientId, Error> {
        match &self.who {
            Who::Stream(client) => Ok(client.clone()),
            Who::Http(clients) => clients.of(context.extensions.get()),
        }
    }

    /// Whose request this is, if its client is known already: asking for a list makes nobody a client.
    fn known(&self, context: &RequestContext<RoleServer>) -> Option<ClientId> {
        match &self.who {
            Who::Stream(client) => Some(client.clone()),
            Who::Http(clients) => clients.known(context.extensions.get()),
        }
    }

    /// What the client has: as it was started with, or as the address of its request asks for. Nothing else
    /// changes it.
    fn setup(&self, context: &RequestContext<RoleServer>) -> Arc<Setup> {
        match &self.who {
            Who::Stream(client) => self.host.setups.of(client),
            Who::Http(_) => {
                let asked = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Arc<Setup>>());
                Arc::clone(asked.unwrap_or_else(|| self.host.setups.usual()))
            }
        }
    }

    fn introduce(&self, client: &ClientId, info: Option<&Implementation>, protocol: Option<&str>) {
        let name = info.map(|info| match info.title.as_deref() {
            Some(title) if !title.is_empty() => title,
            _ => name_for_people(&info.name),
        });
        let version = info.map(|info| info.version.as_str());
        self.introduced.store(true, Ordering::Relaxed);
        self.host.manager.introduce(client, name, version, protocol);
    }

    /// A stateless client says who it is with every request; the first time is enough.
    fn met(&self, context: &RequestContext<RoleServer>) {
        if self.introduced.load(Ordering::Relaxed) {
            return;
        }
        let Some(client) = self.known(context) else { return };
        if let Who::Http(clients) = &self.who
            && !clients.is_new(&client)
        {
            return;
        }
        let (info, protocol) = (context.client_info(), context.protocol_version());
        if info.is_some() || protocol.is_some() {
            self.introduce(&client, info.as_ref(), protocol.as_ref().map(ProtocolVersion::as_str));
        }
    }

    async fn call(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Answer {
        let client = match self.client(&context) {
            Ok(client) => client,
            Err(error) => return Response::default().thrown(&error),
        };
        self.met(&context);
        self.ask_roots(&client, &context).await;
        let signs = Signs::wanted(&request, &context);
        let call = self.call_of(&client, request, context);
        match signs {
            Some(signs) => signs.during(call).await,
            None => call.await,
        }
    }

    async fn call_of(
        &self,
        client: &ClientId,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer {
        let arguments = request.arguments.unwrap_or_default();
        let Who::Http(clients) = &self.who else {
            return self.host.call(client, &request.name, arguments, context.ct).await;
        };
        let setup = self.setup(&context);
        let asked = clients.asked(context.extensions.get());
        // Told with the result of the call, which has a fresh session: over HTTP an end that nobody meant is no error.
        let note = self
            .host
            .manager
            .take_silent_end(client)
            .map(|reason| format!("Your earlier session ended because {}; this is a fresh one", reason.phrase()));
        let is_news = |session: &SessionId| asked.is_news(clients, session);
        let unnamed = match asked {
            Asked::WithId => Unnamed::Default,
            Asked::Stateless(_) => Unnamed::Told(&is_news),
            Asked::Nobody => Unnamed::Fresh,
        };
        let manner = Manner { setup, unnamed, note };
        let answer = self.host.call_in(client, &request.name, arguments, context.ct, &manner).await;
        clients.heard(context.extensions.get(), client);
        answer
    }

    /// Asks a client that has roots which ones, once. The answer is waited for by who needs it.
    #[expect(deprecated, reason = "revisions up to 2025-11-25 have roots")]
    async fn ask_roots(&self, client: &ClientId, context: &RequestContext<RoleServer>) {
        // A request that brings its own revision is of one that forbids questions to clients.
        let stateless = context.meta.protocol_version().is_some();
        let has_roots = || context.peer.peer_info().is_some_and(|info| info.capabilities.roots.is_some());
        if stateless || self.host.roots.asked(client) || !has_roots() {
            return;
        }
        let question = ServerRequest::ListRootsRequest(rmcp::model::ListRootsRequest::default());
        // Sent from here, so that it goes where the answer to this call goes.
        let options = PeerRequestOptions::with_timeout(PATIENCE);
        let Ok(sent) = context.peer.send_cancellable_request(question, options).await else { return };
        self.host.roots.learn(&self.host.manager, client, async move {
            match sent.await_response().await {
                Ok(ClientResult::ListRootsResult(answer)) => answer.roots.into_iter().map(|root| root.uri).collect(),
                _ => Vec::new(),
            }
        });
    }

    /// The client's cursors as resources.
    fn resources(&self, client: &ClientId) -> Vec<Resource> {
        let sessions = self.host.manager.list_of(client);
        let cursors = sessions.iter().flat_map(|session| self.host.cursors.list(&session.id));
        let resource = |cursor: ebb_core::view::CursorView| {
            let about = format!("{} {} of {}", cursor.items, cursor.unit, cursor.tool);
            Resource::new(format!("{SCHEME}{}", cursor.id), cursor.tool).with_description(about).with_mime_type(TEXT)
        };
        cursors.map(resource).collect()
    }

    async fn read(&self, client: &ClientId, uri: &str) -> Result<ResourceContents, ErrorData> {
        let unknown = || no_resource(uri);
        let rest = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
        let (id, offset) = rest.split_once("?offset=").unwrap_or((rest, "1"));
        let cursor = CursorId::parse(id).ok_or_else(unknown)?;
        let offset: i64 = offset.parse().map_err(|_| unknown())?;
        let sessions = self.host.manager.list_of(client);
        let owner = sessions.iter().find(|session| self.host.cursors.store().find(&session.id, &cursor).is_ok());
        let owner = owner.ok_or_else(unknown)?;
        let request = ReadRequest { cursor: id.to_owned(), offset: Some(offset), ..ReadRequest::default() };
        let page = self.host.cursors.read(&owner.id, request).await.map_err(|error| match error.code {
            Code::PageOutOfRange => ErrorData::invalid_params(error.message, None),
            _ => unknown(),
        })?;
        let mut text = page.text;
        for line in page.more {
            text.push('\n');
            text.push_str(&line);
        }
        Ok(ResourceContents::text(text, uri.to_owned()).with_mime_type(TEXT))
    }
}

/// The same for one that is another client's, that is gone, or that never was.
fn no_resource(uri: &str) -> ErrorData {
    ErrorData::resource_not_found("Resource not found", Some(serde_json::json!({"uri": uri})))
}

const SCHEME: &str = "ebb://cursor/";
const TEXT: &str = "text/plain";

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_resources().build())
            .with_server_info(Implementation::new("ebb", env!("CARGO_PKG_VERSION")).with_title("Ebb"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let info = self.negotiate_initialize(&request)?;
        if let Some(client) = self.known(&context) {
            self.introduce(&client, Some(&request.client_info), Some(info.protocol_version.as_str()));
        }
        Ok(info)
    }

    /// The client is ready. Where somebody wants that, it is asked from now on whether it is there.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let Some(ping) = self.ping.filter(|_| !self.pinged.swap(true, Ordering::Relaxed)) else { return };
        let parts = context.extensions.get::<Parts>();
        let (client, stream) = match &self.who {
            // It is a stream itself.
            Who::Stream(client) => (Some(client.clone()), Some(watch::channel(true).1)),
            Who::Http(clients) => (clients.known(parts), clients.streaming(parts)),
        };
        let (Some(client), Some(stream)) = (client, stream) else { return };
        tokio::select! {
            () = self.host.manager.client_gone(&client) => {}
            () = self.host.stopping.cancelled() => {}
            () = heartbeat::until_unanswered(&context.peer, ping, stream) => {
                tracing::info!(%client, "a client did not answer that it is there");
                match &self.who {
                    Who::Stream(_) => self.host.manager.signal(&client, Signal::HungUp { killed: false }),
                    Who::Http(clients) => clients.give_up(parts),
                }
            }
        }
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        self.met(&context);
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.met(&context);
        Ok(ListToolsResult::with_all_items(listed(&self.setup(&context).catalog))
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResponse::Complete(result(Box::pin(self.call(request, context)).await)))
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.met(&context);
        let resources = self.known(&context).map(|client| self.resources(&client)).unwrap_or_default();
        Ok(ListResourcesResult::with_all_items(resources).with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.met(&context);
        Ok(ListResourceTemplatesResult::default())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.met(&context);
        let client = self.known(&context).ok_or_else(|| no_resource(&request.uri))?;
        let contents = self.read(&client, &request.uri).await?;
        Ok(ReadResourceResult::new(vec![contents]).with_cache_scope(CacheScope::Private).into())
    }

    /// Nothing here ever changes without being asked: an open stream is a sign of life and no more.
    fn accepted_subscription_filter(&self, _requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::new())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let context = subscription.request_context();
        self.met(context);
        let gone = async {
            match &self.who {
                // It would hold up the end of its client's connection.
                Who::Stream(client) => self.host.manager.client_gone(client).await,
                Who::Http(_) => std::future::pending().await,
            }
        };
        let _here = match &self.who {
            Who::Stream(_) => None,
            Who::Http(clients) => clients.listening(context.extensions.get()),
        };
        tokio::select! {
            () = subscription.cancelled() => {}
            () = self.host.stopping.cancelled() => {}
            () = gone => {}
        }
        Ok(())
    }

    // Not declared, so not there: the library's default would answer an empty list.
    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn get_prompt(
        &self,
        _request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Err(ErrorData::method_not_found::<GetPromptRequestMethod>())
    }

    /// Unknown methods, and known ones whose parameters do not fit: the library tells them apart by
    /// shape alone.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        const KNOWN: [&str; 5] = ["tools/call", "tools/list", "resources/read", "resources/list", "server/discover"];
        // Revision 2026-07-28 has them no more.
        const REMOVED: [&str; 2] = ["initialize", "ping"];
        let modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let method = request.method.as_str();
        if KNOWN.contains(&method) || (!modern && REMOVED.contains(&method)) {
            return Err(ErrorData::invalid_params(format!("Invalid params of {method}"), None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None))
    }
}

/// The tools as the protocol lists them.
fn listed(catalog: &Catalog) -> Vec<Tool> {
    let tool = |tool: &catalog::Tool| {
        let spec = &tool.spec;
        let hints = ToolAnnotations::with_title(spec.title)
            .read_only(spec.read_only)
            .destructive(!spec.read_only)
            .open_world(spec.open_world);
        Tool::new(spec.name, spec.description, tool.schema.to_json()).with_title(spec.title).with_annotations(hints)
    };
    catalog.iter().map(tool).collect()
}

/// An answer as the protocol carries it: one text, then the pictures; numbers for programs in `_meta`.
fn result(answer: Answer) -> CallToolResult {
    let only_pictures = answer.text.is_empty() && !answer.images.is_empty();
    let mut content = if only_pictures { Vec::new() } else { vec![ContentBlock::text(answer.text)] };
    content.extend(answer.images.into_iter().map(|image| ContentBlock::image(image.data, image.mime)));
    let mut result = CallToolResult::success(content);
    if answer.is_error {
        result.is_error = Some(true);
    }
    if let Some(numbers) = answer.meta {
        if answer.structured {
            result.structured_content = Some(numbers.clone());
        }
        let mut meta = MetaObject::new();
        meta.0.insert("ebb/result".to_owned(), numbers);
        result.meta = Some(meta);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_list_is_the_catalogue() {
        let catalog = Catalog::default_set();
        let listed = serde_json::to_value(listed(&catalog)).unwrap();
        let catalogue: Vec<_> = catalog.iter().map(|tool| tool.spec.to_json()).collect();
        assert_eq!(listed, serde_json::Value::Array(catalogue));
    }
}
