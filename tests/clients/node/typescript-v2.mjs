// The official TypeScript client, version 2: it speaks both eras, and finds out which one the server does.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { drive, wanted } from "./drive.mjs";

const { name, era, sse, url, command, args, headers } = wanted;
const client = new Client(
  { name, version: "1.0.0" },
  { versionNegotiation: { mode: era === "modern" ? "auto" : "legacy" } },
);
const transport = url
  ? new (sse ? SSEClientTransport : StreamableHTTPClientTransport)(url, { requestInit: { headers } })
  : new StdioClientTransport({ command, args });
await client.connect(transport);
await drive(client, client.getNegotiatedProtocolVersion(), async () => {
  if (era === "legacy") await transport.terminateSession?.();
  await client.close();
});
