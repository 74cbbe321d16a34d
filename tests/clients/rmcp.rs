//! A client made with rmcp, told what to do by lines of JSON on standard input, as those of the other official
//! libraries in this folder are.
//!
//! Arguments: --name NAME --era legacy|modern, then --http URL (token in EBB_TOKEN) or --stdio COMMAND ARGUMENT...
#![expect(clippy::print_stdout, reason = "a program of the tests: it speaks to them in lines")]

use anyhow::{Context, Result, bail};
use clap::Parser;
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::RunningService,
    transport::{
        StreamableHttpClientTransport, TokioChildProcess, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Parser)]
struct Cli {
    #[arg(long)]
    name: String,
    #[arg(long)]
    era: String,
    #[arg(long)]
    http: Option<String>,
    /// The command that is the server
    #[arg(long, num_args = 1.., allow_hyphen_values = true)]
    stdio: Vec<String>,
}

type Client = RunningService<RoleClient, ClientConfig>;

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let about = ClientConfig::new(ClientCapabilities::default(), Implementation::new(cli.name, "1.0.0"));
    let lifecycle = if cli.era == "modern" {
        ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::V_2026_07_28], legacy_version: None }
    } else {
        ClientLifecycleMode::Initialize
    };
    let client: Client = if let Some(url) = cli.http {
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let config = match std::env::var("EBB_TOKEN") {
            Ok(token) => config.auth_header(token),
            Err(_) => config,
        };
        Box::pin(about.serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), lifecycle)).await?
    } else {
        let (program, arguments) = cli.stdio.split_first().context("neither --http nor --stdio")?;
        let mut command = tokio::process::Command::new(program);
        command.args(arguments);
        Box::pin(about.serve_with_lifecycle(TokioChildProcess::new(command)?, lifecycle)).await?
    };
    drive(client).await
}

async fn drive(client: Client) -> Result<()> {
    let protocol = client.peer_info().map(|info| info.protocol_version.to_string());
    println!("{}", json!({"ready": {"protocol": protocol}}));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let step: Value = serde_json::from_str(&line)?;
        if step["do"] == "close" {
            client.cancel().await?;
            println!("{}", json!({"closed": true}));
            // What reads standard input would be waited for.
            return Ok(());
        }
        match run(&client, &step).await {
            Ok(result) => println!("{}", json!({"id": step["id"], "result": result})),
            Err(error) => println!("{}", json!({"id": step["id"], "error": {"message": error.to_string()}})),
        }
    }
    Ok(())
}

async fn run(client: &Client, step: &Value) -> Result<Value> {
    if let Some(tool) = step["call"].as_str() {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = step["args"].as_object().cloned();
        return Ok(serde_json::to_value(client.call_tool(request).await?)?);
    }
    match step["do"].as_str() {
        Some("tools") => Ok(serde_json::to_value(client.list_tools(None).await?)?),
        other => bail!("nobody knows how to do {other:?}"),
    }
}
