// The official TypeScript client, version 1: it speaks 2025-11-25.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { drive, wanted } from "./drive.mjs";

const { name, sse, url, command, args, headers } = wanted;
let protocol;
const client = new Client({ name, version: "1.0.0" });
const transport = url
  ? new (sse ? SSEClientTransport : StreamableHTTPClientTransport)(url, { requestInit: { headers } })
  : new StdioClientTransport({ command, args });
transport.setProtocolVersion = ((before) => (version) => {
  protocol = version;
  before?.call(transport, version);
})(transport.setProtocolVersion);
await client.connect(transport);
await drive(client, protocol, async () => {
  await transport.terminateSession?.();
  await client.close();
});
