"""The official Python client, told what to do by lines of JSON on standard input.

Arguments: --name NAME --era legacy|modern, then --http URL or --sse URL (token in EBB_TOKEN) or --stdio COMMAND ARGUMENT...
What came of each step goes to standard output, a line each; {"ready": ...} comes first.
"""

import json
import os
import sys

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation

WORDS = sys.argv[1:]


def value(flag: str) -> str:
    return WORDS[WORDS.index(flag) + 1]


def say(message: object) -> None:
    print(json.dumps(message), flush=True)


async def do(client: Client, step: dict) -> object:
    if "call" in step:
        result = await client.call_tool(step["call"], step["args"])
    else:
        result = await client.list_tools()
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def drive(client: Client) -> None:
    """Does what standard input says. After `close` the client's own orderly end follows."""
    say({"ready": {"protocol": client.protocol_version}})
    async for line in anyio.wrap_file(sys.stdin):
        step = json.loads(line)
        if step.get("do") == "close":
            return
        try:
            say({"id": step["id"], "result": await do(client, step)})
        except Exception as error:  # noqa: BLE001: whatever the library raises is what the test wants to see
            say({"id": step["id"], "error": {"message": repr(error)}})


async def main() -> None:
    options = {
        "client_info": Implementation(name=value("--name"), version="1.0.0"),
        # `auto` asks the server first and falls back; a test says which it expects.
        "mode": "auto" if value("--era") == "modern" else "legacy",
    }
    token = os.environ.get("EBB_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if "--sse" in WORDS:
        async with Client(sse_client(value("--sse"), headers=headers), **options) as client:
            await drive(client)
    elif "--http" in WORDS:
        timeout = httpx2.Timeout(30, read=300)
        async with httpx2.AsyncClient(headers=headers, timeout=timeout) as http:
            async with Client(streamable_http_client(value("--http"), http_client=http), **options) as client:
                await drive(client)
    else:
        command = WORDS[WORDS.index("--stdio") + 1 :]
        async with Client(StdioServerParameters(command=command[0], args=command[1:]), **options) as client:
            await drive(client)
    say({"closed": True})


anyio.run(main)
