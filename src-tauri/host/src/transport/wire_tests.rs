//! Lines in, lines out, over a pipe in memory.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    time::timeout,
};

use super::*;

const SOON: Duration = Duration::from_secs(2);
const A_WHILE: Duration = Duration::from_millis(100);

struct Client {
    read: BufReader<ReadHalf<DuplexStream>>,
    write: WriteHalf<DuplexStream>,
}

impl Client {
    async fn line(&mut self) -> Value {
        let mut line = String::new();
        timeout(SOON, self.read.read_line(&mut line)).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn wire(capacity: usize) -> (Wire<ReadHalf<DuplexStream>>, Client) {
    let (ours, theirs) = duplex(capacity);
    let (read, write) = split(ours);
    let (their_read, their_write) = split(theirs);
    let client = Client { read: BufReader::new(their_read), write: their_write };
    (Wire::new(read, write, CancellationToken::new()), client)
}

fn id_of(message: Option<Incoming>) -> Value {
    match message {
        Some(JsonRpcMessage::Request(request)) => serde_json::to_value(request.id).unwrap(),
        other => panic!("no request: {other:?}"),
    }
}

fn request(id: u32, method: &str) -> Vec<u8> {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}\n").into_bytes()
}

fn answer(id: i64, text: &str) -> TxJsonRpcMessage<RoleServer> {
    let result = rmcp::model::ServerResult::CustomResult(rmcp::model::CustomResult::new(json!({ "text": text })));
    TxJsonRpcMessage::<RoleServer>::response(result, rmcp::model::RequestId::Number(id))
}

#[tokio::test]
async fn bad_lines_are_answered_and_the_next_message_comes() {
    let (mut wire, mut client) = wire(4096);
    client.write.write_all(b"nonsense\n[1]\n{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":7}\n\n").await.unwrap();
    client.write.write_all(&request(1, "ping")).await.unwrap();
    assert_eq!(id_of(timeout(SOON, wire.receive()).await.unwrap()), json!(1));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(client.line().await["error"]["code"].as_i64().unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, [-32700, -32600, -32600]);
}

#[tokio::test]
async fn a_line_may_come_in_pieces_and_its_reading_be_dropped() {
    let (mut wire, mut client) = wire(4096);
    let line = request(7, "tools/list");
    for piece in line.chunks(5) {
        client.write.write_all(piece).await.unwrap();
        if !piece.ends_with(b"\n") {
            assert!(timeout(Duration::from_millis(2), wire.receive()).await.is_err());
        }
    }
    assert_eq!(id_of(timeout(SOON, wire.receive()).await.unwrap()), json!(7));
}

#[tokio::test]
async fn half_a_line_and_the_end_is_no_message() {
    let (mut wire, mut client) = wire(4096);
    client.write.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}").await.unwrap();
    client.write.shutdown().await.unwrap();
    assert!(timeout(SOON, wire.first()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_that_was_looked_at_still_comes_first() {
    let (mut wire, mut client) = wire(4096);
    client.write.write_all(&[request(1, "ping"), request(2, "ping")].concat()).await.unwrap();
    assert!(wire.first().await.is_some());
    assert_eq!(id_of(wire.receive().await), json!(1));
    assert_eq!(id_of(wire.receive().await), json!(2));
}

#[tokio::test]
async fn what_comes_before_any_lifecycle_does_not_end_the_service() {
    let (mut wire, mut client) = wire(4096);
    let early = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n";
    client.write.write_all(early).await.unwrap();
    client.write.write_all(&request(1, "tools/list")).await.unwrap();
    client.write.write_all(early).await.unwrap();
    assert_eq!(id_of(timeout(SOON, wire.receive()).await.unwrap()), json!(1));
    assert!(matches!(timeout(SOON, wire.receive()).await.unwrap(), Some(JsonRpcMessage::Notification(_))));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from() {
    let (mut wire, mut client) = wire(1024);
    let text = "x".repeat(MAX_UNSENT / 2);
    let mut writes = JoinSet::new();
    for id in 0..3 {
        writes.spawn(wire.send(answer(id, &text)));
    }
    client.write.write_all(&request(1, "ping")).await.unwrap();
    assert!(timeout(A_WHILE, wire.receive()).await.is_err());
    assert_eq!(client.line().await["result"]["text"].as_str().unwrap().len(), text.len());
    assert_eq!(client.line().await["result"]["text"].as_str().unwrap().len(), text.len());
    assert_eq!(id_of(timeout(SOON, wire.receive()).await.unwrap()), json!(1));
    // Cut off in the middle of the third.
    timeout(SOON, wire.close()).await.unwrap().unwrap();
    timeout(SOON, async { while writes.join_next().await.is_some() {} }).await.unwrap();
}

#[tokio::test]
async fn a_refusal_answers_the_message_that_was_looked_at() {
    let (mut wire, mut client) = wire(4096);
    client.write.write_all(&request(3, "ping")).await.unwrap();
    assert!(wire.first().await.is_some());
    wire.refuse(rmcp::ErrorData::new(rmcp::model::ErrorCode(-32000), "Too many clients (1)", None)).await;
    assert_eq!(
        client.line().await,
        json!({"jsonrpc": "2.0", "id": 3, "error": {"code": -32000, "message": "Too many clients (1)"}})
    );
}
