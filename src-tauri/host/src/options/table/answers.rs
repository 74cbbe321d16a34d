//! What a client has, how its answers look, how long things may take.

use std::path::PathBuf;

use serde_json::Value;

use super::{Row, Scope::Client, row};
use crate::options::{
    FilePaths, ImageResponses, SnapshotMode,
    kind::Kind::{Bool, Choice, Headers, List, Number, Path, Text},
    secrets, set,
};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row(
            "caps",
            "capabilities",
            List(','),
            Client,
            "More tools: network, storage, testing, vision, pdf, config, devtools, emulation, all; -read, -cursors, -sessions for fewer",
            set::caps,
        ),
        row("vision", "", Bool, Client, "The old way to say --caps=vision", |o, v| {
            if v == &Value::Bool(true) {
                drop(o.client.caps.take("vision"));
            }
            Ok(())
        }),
        row("workspace", "", Path, Client, "The folder that files are named from", |o, v| {
            set::path(&mut o.client.workspace, v)
        })
        .otherwise("the client's root, else its working directory"),
        row("output-dir", "outputDir", Path, Client, "Where files go that nobody named a place for", |o, v| {
            set::path(&mut o.client.output.dir, v)
        })
        .otherwise(".ebb in the workspace"),
        row(
            "output-max-size",
            "outputMaxSize",
            Number,
            Client,
            "Bytes of that folder; the oldest files go first",
            |o, v| {
                o.client.output.max_size = Some(set::number(v));
                Ok(())
            },
        ),
        row(
            "allow-unrestricted-file-access",
            "allowUnrestrictedFileAccess",
            Bool,
            Client,
            "Files anywhere, and file: addresses",
            |o, v| set::flag(&mut o.client.unrestricted_files, v),
        ),
        row("file-paths", "filePaths", Choice(&["relative", "absolute"]), Client, "How answers name files", |o, v| {
            o.client.output.file_paths = if v == "absolute" { FilePaths::Absolute } else { FilePaths::Relative };
            Ok(())
        })
        .otherwise("relative"),
        row(
            "image-responses",
            "imageResponses",
            Choice(&["allow", "omit", "only"]),
            Client,
            "What becomes of pictures in answers",
            |o, v| {
                o.client.output.images = match v.as_str() {
                    Some("omit") => ImageResponses::Omit,
                    Some("only") => ImageResponses::Only,
                    _ => ImageResponses::Allow,
                };
                Ok(())
            },
        )
        .otherwise("allow"),
        row(
            "image-max",
            "imageMax",
            Number,
            Client,
            "The longest side of a picture in an answer, in pixels; 0: no limit",
            |o, v| {
                o.client.output.image_max = u32::try_from(set::number(v)).unwrap_or(u32::MAX);
                Ok(())
            },
        )
        .otherwise("1568"),
        row(
            "codegen",
            "codegen",
            Choice(&["typescript", "none"]),
            Client,
            "Whether answers show the code of what they did",
            |o, v| {
                o.client.output.codegen = v != "none";
                Ok(())
            },
        )
        .otherwise("typescript"),
        row("page-tokens", "pageTokens", Number, Client, "Tokens of one page of a long answer", |o, v| {
            o.client.output.page_tokens = Some(u32::try_from(set::number(v)).unwrap_or(u32::MAX).clamp(500, 20_000));
            Ok(())
        })
        .otherwise("8000"),
        row("structured", "structured", Bool, Client, "Numbers for programs in structuredContent as well", |o, v| {
            set::flag(&mut o.client.output.structured, v)
        }),
        row(
            "save-session",
            "saveSession",
            Bool,
            Client,
            "Keep what the session did as session.md in the output folder",
            |o, v| set::flag(&mut o.client.output.save_session, v),
        ),
        row(
            "console-level",
            "console.level",
            Choice(&["error", "warning", "info", "debug"]),
            Client,
            "New console entries from this level on are told",
            |o, v| {
                o.client.output.console_level = set::string(v);
                Ok(())
            },
        )
        .otherwise("info"),
        row(
            "snapshot-mode",
            "snapshot.mode",
            Choice(&["full", "none", "inline", "diff"]),
            Client,
            "Snapshots in answers of actions: linked as a file, not at all, in the text, what changed",
            |o, v| {
                o.client.output.snapshot = match v.as_str() {
                    Some("none") => SnapshotMode::None,
                    Some("inline") => SnapshotMode::Inline,
                    Some("diff") => SnapshotMode::Diff,
                    _ => SnapshotMode::File,
                };
                Ok(())
            },
        )
        .otherwise("full; ebb connect: diff"),
        row("snapshot-boxes", "snapshot.boxes", Bool, Client, "Rectangles in snapshots", |o, v| {
            set::flag(&mut o.client.output.boxes, v)
        }),
        row("test-id-attribute", "testIdAttribute", Text, Client, "The attribute that test ids are in", |o, v| {
            o.client.output.test_id_attribute = set::string(v);
            Ok(())
        })
        .otherwise("data-testid"),
        row(
            "secrets",
            "",
            Path,
            Client,
            "A dotenv file of texts that are typed by name and masked everywhere",
            |o, v| {
                o.client.secrets = secrets::read(&PathBuf::from(set::string(v)))?;
                Ok(())
            },
        )
        .variable("SECRETS_FILE"),
        row("", "secrets", Headers, Client, "The same as an object", |o, v| set::headers(&mut o.client.secrets.0, v)),
        row("timeout-action", "timeouts.action", Number, Client, "Milliseconds for acting on an element", |o, v| {
            set::time(&mut o.client.timeouts.action, v)
        })
        .otherwise("5000"),
        row("timeout-navigation", "timeouts.navigation", Number, Client, "Milliseconds for a navigation", |o, v| {
            set::time(&mut o.client.timeouts.navigation, v)
        })
        .otherwise("60000"),
        row(
            "timeout-settle",
            "timeouts.settle",
            Number,
            Client,
            "A fixed wait in milliseconds after actions",
            |o, v| set::time(&mut o.client.timeouts.settle, v),
        )
        .otherwise("adaptive"),
        row("", "timeouts.expect", Number, Client, "Milliseconds for an assertion", |o, v| {
            set::time(&mut o.client.timeouts.expect, v)
        })
        .otherwise("5000"),
        row("timeout-call", "timeouts.call", Number, Client, "Milliseconds for any call", |o, v| {
            set::time(&mut o.client.timeouts.call, v)
        })
        .otherwise("120000"),
        row(
            "allowed-origins",
            "network.allowedOrigins",
            List(';'),
            Client,
            "Origins that pages may load from",
            |o, v| set::list(&mut o.client.context.origins.allowed, v),
        )
        .otherwise("all"),
        row(
            "blocked-origins",
            "network.blockedOrigins",
            List(';'),
            Client,
            "Origins that pages may not load from, whatever is allowed",
            |o, v| set::list(&mut o.client.context.origins.blocked, v),
        ),
    ]
}
