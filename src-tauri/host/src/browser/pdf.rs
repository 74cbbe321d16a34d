//! A page as PDF, read from the browser in pieces: a document has no bound, a message has one.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chromiumoxide::cdp::browser_protocol::{
    io::{CloseParams, ReadParams},
    page::{PrintToPdfParams, PrintToPdfTransferMode},
};
use ebb_core::{Code, Error, Result};
use tokio::time::Instant;

use super::tab::Tab;

/// Bytes of one PDF.
const MAX_PDF: usize = 256 * 1024 * 1024;

/// Bytes of one piece.
const PIECE: i64 = 1024 * 1024;

/// Prints `tab` with the browser's usual paper and margins, within `deadline`.
///
/// # Errors
/// As [`Tab::call`]; [`Code::LimitReached`] for a document beyond 256 MB.
pub(crate) async fn print(tab: &Arc<Tab>, deadline: Duration) -> Result<Vec<u8>> {
    let end = Instant::now() + deadline;
    let print = PrintToPdfParams::builder().transfer_mode(PrintToPdfTransferMode::ReturnAsStream).build();
    let printed = tab.unless_modal(tab.call_within(&print, deadline)).await?;
    let Some(stream) = printed.stream else {
        return Err(Error::new(Code::Internal, "the browser printed nothing").next("Call again."));
    };
    let mut bytes = Vec::new();
    let read = async {
        loop {
            let mut piece = ReadParams::new(stream.clone());
            piece.size = Some(PIECE);
            let left = end.saturating_duration_since(Instant::now());
            let piece = tab.call_within(&piece, left).await?;
            let coded = piece.base64_encoded.unwrap_or_default();
            let data = if coded { STANDARD.decode(&piece.data).ok() } else { Some(piece.data.into_bytes()) };
            bytes.extend(data.unwrap_or_default());
            if piece.eof {
                return Ok(());
            }
            if bytes.len() > MAX_PDF {
                return Err(Error::new(Code::LimitReached, "the PDF has more than 256 MB")
                    .next("Save a part of the page: hide the rest with browser_evaluate."));
            }
        }
    };
    let read = read.await;
    // The browser keeps what is not closed.
    drop(tab.call(&CloseParams::new(stream)).await);
    read.map(|()| bytes)
}
