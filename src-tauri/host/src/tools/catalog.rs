//! Every tool, in the order `tools/list` gives it. The list depends on launch options alone, never on
//! calls or state.

use ebb_core::Error;
use futures::future::BoxFuture;
use serde_json::Value;
#[cfg(test)]
use serde_json::json;

use super::{
    call::{ClientCall, ToolCall},
    schema::Schema,
};
use crate::options::{Cap, Caps};

/// A tool that acts in a session. Dropping its future at any await must be safe.
pub(crate) type ToolFn = for<'a> fn(&'a mut ToolCall, Value) -> BoxFuture<'a, Result<(), ToolError>>;

/// A tool that acts on the client's sessions and cursors, outside any session's queue.
pub(crate) type ClientFn = for<'a> fn(&'a mut ClientCall, Value) -> BoxFuture<'a, Result<(), ToolError>>;

/// How a tool failed.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// The answer is this error and what to do, nothing else.
    Thrown(Error),
    /// The response says it already.
    Reported,
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Thrown(error)
    }
}

/// What can stand in the way of page tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModalKind {
    /// `alert`, `confirm`, `prompt`, `beforeunload`.
    Dialog,
    /// A page that waits for files.
    FileChooser,
}

/// What a tool does about modal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modal {
    /// Refused while there is one.
    Blocked,
    /// Refused unless there is one of this kind.
    Handles(ModalKind),
    /// Works either way.
    Unaffected,
}

/// What runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// In a session, in its queue.
    Session(ToolFn),
    /// For the client as a whole.
    Client(ClientFn),
}

/// One tool.
#[derive(Debug, Clone)]
pub(crate) struct ToolSpec {
    /// Its wire name.
    pub(crate) name: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// One line of at most 90 characters.
    pub(crate) description: &'static str,
    /// The capability it belongs to; none for the core, which is always there.
    pub(crate) cap: Option<Cap>,
    /// Whether it changes nothing.
    pub(crate) read_only: bool,
    /// Whether it reaches pages of the world.
    pub(crate) open_world: bool,
    /// Its arguments, `session` not among them.
    pub(crate) input: fn() -> Schema,
    /// What it does about modal states.
    pub(crate) modal: Modal,
    /// What runs.
    pub(crate) run: Run,
}

impl ToolSpec {
    /// A core tool of a page: changes things, reaches the world, blocked by modal states.
    pub(crate) const fn browser(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        input: fn() -> Schema,
        run: ToolFn,
    ) -> Self {
        Self {
            name,
            title,
            description,
            cap: None,
            read_only: false,
            open_world: true,
            input,
            modal: Modal::Blocked,
            run: Run::Session(run),
        }
    }

    /// A tool of the client's own things: reaches nothing outside Ebb.
    pub(crate) const fn own(
        cap: Cap,
        name: &'static str,
        title: &'static str,
        description: &'static str,
        input: fn() -> Schema,
        run: ClientFn,
    ) -> Self {
        Self {
            name,
            title,
            description,
            cap: Some(cap),
            read_only: false,
            open_world: false,
            input,
            modal: Modal::Unaffected,
            run: Run::Client(run),
        }
    }

    /// The same tool, marked as changing nothing.
    pub(crate) const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The same tool, only for clients that asked for `cap`.
    pub(crate) const fn cap(mut self, cap: Cap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// The same tool with another attitude to modal states.
    pub(crate) const fn modal(mut self, modal: Modal) -> Self {
        self.modal = modal;
        self
    }

    /// All its arguments.
    pub(crate) fn schema(&self) -> Schema {
        match self.run {
            Run::Session(_) => (self.input)().session(),
            Run::Client(_) => (self.input)(),
        }
    }

    /// Its entry in `tools/list`, as it must come out of the protocol's own types.
    #[cfg(test)]
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.schema().to_json(),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.read_only,
                "destructiveHint": !self.read_only,
                "openWorldHint": self.open_world,
            },
        })
    }
}

/// A tool with its schema made once.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The tool.
    pub(crate) spec: ToolSpec,
    /// Its arguments, `session` included.
    pub(crate) schema: Schema,
}

/// The tools of one set of launch options.
#[derive(Debug)]
pub(crate) struct Catalog {
    tools: Vec<Tool>,
}

impl Catalog {
    /// Everything that is on by default.
    #[cfg(test)]
    pub(crate) fn default_set() -> Self {
        Self::with(&Caps::default())
    }

    /// The core tools and those of `caps`.
    pub(crate) fn with(caps: &Caps) -> Self {
        Self::of(all().into_iter().filter(|tool| tool.cap.is_none_or(|cap| caps.has(cap))).collect())
    }

    /// These tools, in this order.
    pub(crate) fn of(specs: Vec<ToolSpec>) -> Self {
        let tools = specs.into_iter().map(|spec| Tool { schema: spec.schema(), spec }).collect();
        Self { tools }
    }

    /// The tool of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.spec.name == name)
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }

    /// Up to three names that `name` may have been meant for.
    pub(crate) fn near(&self, name: &str) -> Vec<&'static str> {
        let name: String = name.chars().take(64).collect::<String>().to_lowercase();
        let mut scored: Vec<(usize, &'static str)> = self
            .tools
            .iter()
            .map(|tool| (distance(&name, tool.spec.name), tool.spec.name))
            .filter(|(score, known)| *score <= known.len() / 3 || (name.len() > 3 && known.contains(name.as_str())))
            .collect();
        scored.sort_unstable();
        scored.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

/// One group after the other, in the order of the design.
pub(super) fn all() -> Vec<ToolSpec> {
    let groups: &[fn() -> Vec<ToolSpec>] = &[
        super::navigation::tools,
        super::tabs::tools,
        super::snapshot::tools,
        super::find::tools,
        super::input::tools,
        super::pointer::tools,
        super::keyboard::tools,
        super::forms::tools,
        super::dialogs::tools,
        super::evaluate::tools,
        super::waiting::tools,
        super::viewing::tools,
        super::shots::tools,
        super::console::tools,
        super::request::tools,
        super::read_page::tools,
        super::routes::tools,
        super::storage_state::tools,
        super::cookies::tools,
        super::web_storage::tools,
        super::verify::tools,
        super::mouse::tools,
        super::pdf::tools,
        super::settings::tools,
        super::highlight::tools,
        super::emulate::tools,
        super::cursors::tools,
        super::sessions::tools,
    ];
    groups.iter().flat_map(|tools| tools()).collect()
}

/// How many letters differ (Levenshtein), with `browser_` taken as given.
fn distance(a: &str, b: &str) -> usize {
    let strip = |text: &str| text.strip_prefix("browser_").unwrap_or(text).chars().collect::<Vec<char>>();
    let (a, b) = (strip(a), strip(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, right) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let before = row.get(j).copied().unwrap_or_default();
            let best = (diagonal + usize::from(left != right)).min(above + 1).min(before + 1);
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_descriptions_short() {
        let mut seen = std::collections::HashSet::new();
        for tool in Catalog::with(&Caps::all()).iter() {
            assert!(seen.insert(tool.spec.name), "{} twice", tool.spec.name);
            let length = tool.spec.description.chars().count();
            assert!(length > 0 && length <= 90, "{}: {length}", tool.spec.name);
            assert!(!tool.spec.description.contains('\n'));
        }
    }

    #[test]
    fn the_list_costs_less_than_5000_tokens() {
        let list: Vec<Value> = Catalog::default_set().iter().map(|tool| tool.spec.to_json()).collect();
        let tokens = Value::Array(list).to_string().chars().count() / 4;
        println!("tools/list: about {tokens} tokens");
        assert!(tokens < 5_000, "{tokens} tokens");
    }

    #[test]
    fn everything_costs_less_than_14000_tokens() {
        let list: Vec<Value> = Catalog::with(&Caps::all()).iter().map(|tool| tool.spec.to_json()).collect();
        let tokens = Value::Array(list).to_string().chars().count() / 4;
        println!("tools/list with everything: about {tokens} tokens");
        assert!(tokens < 14_000, "{tokens} tokens");
    }

    #[test]
    fn browser_tools_take_a_session_and_no_other_does() {
        for tool in Catalog::with(&Caps::all()).iter() {
            let has = tool.spec.to_json().pointer("/inputSchema/properties/session").is_some();
            let expected = tool.spec.name.starts_with("browser_") || tool.spec.name == "session_close";
            assert_eq!(has, expected, "{}", tool.spec.name);
        }
    }

    #[test]
    fn hints_say_what_a_tool_does() {
        let json = Catalog::default_set().find("cursor_read").unwrap().spec.to_json();
        assert_eq!(
            json.get("annotations").unwrap(),
            &json!({"title": "Read on", "readOnlyHint": true, "destructiveHint": false, "openWorldHint": false})
        );
    }

    #[test]
    fn near_names_are_found() {
        let catalog = Catalog::default_set();
        assert_eq!(catalog.near("cursor_reed"), ["cursor_read"]);
        assert_eq!(catalog.near("sesion_list").first(), Some(&"session_list"));
        assert!(catalog.near("make_coffee").is_empty());
        assert!(catalog.near(&"x".repeat(1_000_000)).is_empty());
    }
}
