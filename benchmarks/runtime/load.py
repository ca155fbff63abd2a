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


def run(port: int, prepared: list[list[bytes]], seconds: float, interval: float) -> dict:
    """Send each connection's requests until they are through or the time is: at once, or each at its due time.

    With an `interval` between the requests of a connection, a request waits from the moment when it was due.
    """
    took: list[list[tuple[float, int]]] = [[] for _ in prepared]

    def work(place: int, deadline: float) -> None:
        line = Line(port)
        for number, data in enumerate(prepared[place]):
            due = began + (number + place / len(prepared)) * interval if interval else time.perf_counter()
            if due > deadline:
                break
            time.sleep(max(0.0, due - time.perf_counter()))
            status, _ = line.send(data)
            took[place].append((time.perf_counter() - due, status))
        line.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(i, began + seconds)) for i in range(len(prepared))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
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
    parser.add_argument("--rate", type=float, default=0, help="events a second in all; 0: as fast as answers come")
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
    interval = options.size * options.connections / options.rate if options.rate else 0.0
    print(json.dumps(run(options.port, prepared, options.seconds, interval)), flush=True)


if __name__ == "__main__":
    main()
