"""A hospital's system: sends prepared batches over a few connections and notes how long each answer took.

Everything is prepared before the first line of standard input, so that the sender takes little of the machine. Prints
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

SEXES = ("female", "male")


def event_body(names: list[str], rng: random.Random) -> bytes:
    """Events of one batch as the API takes them."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    rows = [
        f'{{"event_key":"{name}","patient":"{rng.randrange(10**9)}","at":"{at}",'
        f'"attributes":{{"sex":"{rng.choice(SEXES)}"}},"score":{rng.random():.4f}}}'
        for name in names
    ]
    return ('{"records":[' + ",".join(rows) + "]}").encode()


def request(path: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Api-Key {key}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {uuid.uuid4().hex}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One connection, kept open, with as little work to an answer as can be."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def send(self, data: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; the server may have closed an idle connection, then it is opened again."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(data)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed before the answer")
            got += more
        head = got[:end].decode("latin-1").lower()
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        while len(got) < end + 4 + length:
            got += self.socket.recv(65536)
        if "connection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1]), got[end + 4 :]

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def run(port: int, prepared: list[list[bytes]], seconds: float) -> dict:
    """Send each connection's requests one after another, until they are through or the time is."""
    took: list[list[tuple[float, int]]] = [[] for _ in prepared]

    def work(place: int, deadline: float) -> None:
        line = Line(port)
        for data in prepared[place]:
            started = time.perf_counter()
            if started > deadline:
                break
            status, _ = line.send(data)
            took[place].append((time.perf_counter() - started, status))
        line.close()

    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(i, started + seconds)) for i in range(len(prepared))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - started
    every = [entry for entries in took for entry in entries]
    return {
        "seconds": wall,
        "ms": [round(entry[0] * 1e3, 2) for entry in every],
        "statuses": {str(status): sum(entry[1] == status for entry in every) for status in {e[1] for e in every}},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--requests", type=int, required=True, help="of each connection, at most")
    parser.add_argument("--size", type=int, required=True, help="events in a request")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    key = sys.stdin.readline().strip()
    rng, run_id = random.Random(1), uuid.uuid4().hex[:8]  # noqa: S311 - made-up patients
    prepared = [
        [
            request(options.path, key, event_body([f"{run_id}-{c}-{r}-{i}" for i in range(options.size)], rng))
            for r in range(options.requests)
        ]
        for c in range(options.connections)
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(run(options.port, prepared, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
