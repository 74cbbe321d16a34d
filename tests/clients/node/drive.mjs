// What both official TypeScript clients have in common here: a test says on standard input, in lines of JSON, what
// the client does, and hears on standard output what came of it. `{"ready": ...}` comes first.
//
// Arguments: --name NAME --era legacy|modern, then --http URL or --sse URL (token in EBB_TOKEN) or
// --stdio COMMAND ARGUMENT...
import { createInterface } from "node:readline";

const words = process.argv.slice(2);
const value = (flag) => words[words.indexOf(flag) + 1];
const server = words.indexOf("--stdio");
const sse = words.includes("--sse");
const { EBB_TOKEN: token } = process.env;

export const wanted = {
  name: value("--name"),
  era: value("--era"),
  sse,
  url: server < 0 ? new URL(value(sse ? "--sse" : "--http")) : undefined,
  command: words[server + 1],
  args: words.slice(server + 2),
  headers: token ? { Authorization: `Bearer ${token}` } : {},
};

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const doing = {
  tools: (client) => client.listTools(),
};

/** Does what standard input says. `close` is the orderly end; without it the process just ends with its input. */
export async function drive(client, protocol, close) {
  say({ ready: { protocol } });
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    if (step.do === "close") {
      await close();
      say({ closed: true });
      // The test's end of this pipe stays open; it must not keep the process.
      process.stdin.destroy();
      return;
    }
    try {
      const called = step.call && client.callTool({ name: step.call, arguments: step.args });
      say({ id: step.id, result: await (called ?? doing[step.do](client)) });
    } catch (error) {
      say({ id: step.id, error: { message: String(error) } });
    }
  }
}
