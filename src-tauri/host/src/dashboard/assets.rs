//! The built dashboard, embedded by `build.rs`.

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// Each file's path in the address and its bytes, sorted by path.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard_files.rs"));

/// The file at this address. Names come from the table alone: no path of the disk can be asked for.
pub(super) async fn serve(uri: Uri) -> Response {
    let path = match uri.path() {
        "/" => "/index.html",
        path => path,
    };
    match FILES.binary_search_by(|(name, _)| name.cmp(&path)) {
        Ok(at) => ([(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, "no-cache")], FILES[at].1)
            .into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "There is nothing here.").into_response(),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_is_in_the_program_in_order() {
        assert!(FILES.iter().any(|(name, bytes)| *name == "/index.html" && !bytes.is_empty()));
        assert!(FILES.is_sorted_by_key(|(name, _)| name));
    }
}
