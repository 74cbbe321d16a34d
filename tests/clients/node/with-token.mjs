// Preloaded into the conformance suite (`node --import`), which knows no tokens: its requests to the server under
// test (EBB_URL) carry the one in EBB_TOKEN, whichever of the three HTTP clients it uses sends them.
import http from "node:http";
import { createRequire } from "node:module";

const { port } = new URL(process.env.EBB_URL);
const Authorization = `Bearer ${process.env.EBB_TOKEN}`;

const isOurs = (address) => {
  const url = new URL(address);
  return url.port === port && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
};

const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  const address = input instanceof Request ? input.url : input;
  if (!isOurs(address)) return fetch(input, init);
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set("Authorization", Authorization);
  return fetch(input, { ...init, headers });
};

const undici = createRequire(process.argv[1])("undici");
const { request } = undici;
undici.request = (address, options = {}) => {
  if (!isOurs(address)) return request(address, options);
  return request(address, { ...options, headers: { ...options.headers, Authorization } });
};

const { request: plain } = http;
http.request = (options, ...rest) => {
  if (String(options.port) !== port) return plain(options, ...rest);
  return plain({ ...options, headers: { ...options.headers, Authorization } }, ...rest);
};
