//! `ebb mcp --port`: where it listens, whom it serves, and that every client goes with all it had.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Agent, AgentOptions, Calls, OwnServer, Place, Via, procs, wait_for};

const SOON: Duration = Duration::from_secs(10);

/// A server over HTTP and where it listens.
fn listening(place: &Place, arguments: &[&str]) -> (OwnServer, std::net::SocketAddr) {
    let mut command = place.command("ebb");
    command.args(["mcp", "--port=0"]).args(arguments).env("DEBUG", "pw:mcp:test");
    let server = OwnServer::run(&mut command);
    let port: u16 = wait_for("it listens", SOON, || {
        let said = server.errors();
        let line = said.lines().find_map(|line| line.strip_prefix("Listening on http://localhost:").map(str::to_owned));
        line.and_then(|port| port.parse().ok()).ok_or(said)
    });
    (server, ([127, 0, 0, 1], port).into())
}

fn agent(place: &Place, address: std::net::SocketAddr, via: Via, name: &str) -> Agent {
    let options = AgentOptions { http: Some((address, String::new())), ..AgentOptions::default() };
    Agent::start_with(place, std::path::Path::new("-"), via, name, &options)
}

fn said(server: &OwnServer, line: &str, times: usize) {
    wait_for(line, SOON, || {
        let all = server.errors();
        if all.lines().filter(|said| said.trim_end() == line).count() == times { Ok(()) } else { Err(all) }
    });
}

#[test]
fn it_says_where_it_listens_and_what_a_client_needs() {
    let place = Place::new();
    let (mut server, address) = listening(&place, &["--isolated"]);
    let told = server.errors();
    let config: Value = serde_json::from_str(&told[told.find('{').unwrap()..=told.rfind('}').unwrap()]).unwrap();
    let urls = config["mcpServers"].as_object().unwrap().values().next().unwrap()["url"].as_str().unwrap().to_owned();
    assert_eq!(urls, format!("http://localhost:{}/mcp", address.port()));
    // Nobody at its standard input is no reason to end.
    server.close_input();
    let mut agent = agent(&place, address, Via::Quiet, "one");
    agent.open("about:blank");
    procs::signal(server.pid(), rustix::process::Signal::TERM);
    assert!(server.ended(Duration::from_secs(2)).0.success());
    wait_for("nothing is left", SOON, || {
        let left: Vec<_> = place.processes().into_iter().filter(|process| process.pid != agent.pid()).collect();
        if left.is_empty() { Ok(()) } else { Err(procs::brief(&left)) }
    });
}

#[test]
fn each_client_has_its_own_context_and_goes_with_it() {
    let place = Place::new();
    let (server, address) = listening(&place, &["--isolated"]);
    let mut one = agent(&place, address, Via::Stream, "one");
    let mut two = agent(&place, address, Via::Quiet, "two");
    one.open("data:text/html,<title>one</title>");
    two.open("data:text/html,<title>two</title>");
    said(&server, "pw:mcp:test create http session", 2);
    said(&server, "pw:mcp:test create browser (isolated)", 1);
    said(&server, "pw:mcp:test create context", 2);
    assert!(one.ok("browser_tabs", json!({"action": "list"})).text.contains("one"));
    assert!(!one.ok("browser_tabs", json!({"action": "list"})).text.contains("two"));
    one.kill();
    said(&server, "pw:mcp:test close context", 1);
    two.open("about:blank");
    two.kill();
    said(&server, "pw:mcp:test delete http session", 2);
    said(&server, "pw:mcp:test close context", 2);
    said(&server, "pw:mcp:test close browser", 1);
    wait_for("the browser is gone", SOON, || {
        let browsers = place.processes();
        let browsers: Vec<_> = browsers.iter().filter(|process| process.command.contains("--user-data-dir")).collect();
        if browsers.is_empty() { Ok(()) } else { Err(procs::brief(browsers)) }
    });
}

#[test]
fn clients_can_have_one_context_together() {
    let place = Place::new();
    let (_server, address) = listening(&place, &["--isolated", "--shared-browser-context"]);
    let mut one = agent(&place, address, Via::Quiet, "one");
    let mut two = agent(&place, address, Via::Quiet, "two");
    one.open("data:text/html,<title>together</title>");
    assert!(two.ok("browser_tabs", json!({"action": "list"})).text.contains("together"));
    one.kill();
    assert!(two.ok("browser_tabs", json!({"action": "list"})).text.contains("together"));
}
