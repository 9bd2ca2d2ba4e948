"""Two agents that ask before they act. An autoscaler starts nodes; a cost optimiser wants nodes gone that do no work.

`AGENT_TOKEN=fma_… python agents.py autoscaler|cost http://127.0.0.1:8723/v1 shop/service/checkout/nodes`
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

ROLE, URL, NODES = sys.argv[1:4]


def call(method: str, path: str, **body: object) -> Any:
    head = {"Authorization": f"Bearer {os.environ['AGENT_TOKEN']}"}
    try:
        request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, head, method=method)
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return json.load(refused)


def say(text: str) -> None:
    print(json.dumps({"who": ROLE, "text": text}), flush=True)


def claim(why: str) -> dict[str, int]:
    """Asks until it is ours; the token that goes with every write."""
    while "claims" not in (answer := call("POST", "/claims", resources=[NODES], ttl_s=30, why=why)):
        say("is refused: " + answer["error"])
        time.sleep(answer.get("retry_after_s", 5))
    return {each["resource"]: each["token"] for each in answer["claims"]}


def write(version: int, tokens: dict[str, int], **state: int) -> int:
    """What is so from now on, on top of the version it was thought out from; 0 where that was overtaken: nothing was written."""
    answer = call("PUT", f"/state/{NODES}", version=version, token=tokens[NODES], state=state)
    say(f"writes {state}" if "version" in answer else "may not write: " + answer["error"])
    return int(answer.get("version", 0))


def autoscaler() -> None:
    tokens = claim("checkout is slow: two more nodes")
    version = write(call("GET", f"/state/{NODES}")["version"], tokens, ready=4, booting=2)
    for _ in range(3):  # while they boot; from the first on nobody takes the claim away
        call("POST", "/claims/heartbeat", tokens=tokens, ttl_s=30, executing=True)
        time.sleep(1)
    write(version, tokens, ready=6, booting=0)
    call("POST", "/claims/release", tokens=tokens)


def cost() -> None:
    while idle := (seen := call("GET", f"/state/{NODES}"))["state"].get("booting", 0):
        say(f"sees {idle} nodes that do no work, and wants them gone")
        tokens = claim("two nodes do no work")
        call("POST", "/claims/heartbeat", tokens=tokens, ttl_s=30, executing=True)
        write(seen["version"], tokens, ready=seen["state"]["ready"], booting=0)
        call("POST", "/claims/release", tokens=tokens)
    say("looks again: every node works, so it leaves them")


{"autoscaler": autoscaler, "cost": cost}[ROLE]()
