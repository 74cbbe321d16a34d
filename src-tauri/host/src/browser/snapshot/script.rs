//! The page script, put together from the files in `page/`.

/// Installs `globalThis.__ebb` in the world it is evaluated in, once: a second evaluation changes nothing, since the
/// object holds the refs that were handed out. Evaluates to the version of the script that is installed.
pub(crate) const PAGE_SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\nconst VERSION = 1;\n",
    "if (Reflect.get(globalThis, \"__ebb\")?.version === VERSION) return VERSION;\n",
    include_str!("page/dom.js"),
    include_str!("page/role.js"),
    include_str!("page/name.js"),
    include_str!("page/walk.js"),
    include_str!("page/select.js"),
    include_str!("page/locate.js"),
    include_str!("page/settle.js"),
    include_str!("page/act.js"),
    include_str!("page/locator.js"),
    include_str!("page/core.js"),
    include_str!("page/read.js"),
    include_str!("page/verify.js"),
    include_str!("page/highlight.js"),
    include_str!("page/api.js"),
    "return VERSION;\n})()"
);
