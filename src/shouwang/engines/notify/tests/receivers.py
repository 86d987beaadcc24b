"""A real HTTP server and a real SMTP server on loopback, which write down what they got."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What was posted, and how the server answers: statuses are used up one by one, then 204."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    location: str = ""


@contextmanager
def web() -> Iterator[Web]:
    seen = Web()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append((dict(self.headers), body))
            status = seen.statuses.pop(0) if seen.statuses else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", seen.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    seen.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """Letters taken, and recipients refused."""

    port: int = 0
    letters: list[tuple[str, list[str], Message]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)


@contextmanager
def smtp() -> Iterator[Mailbox]:
    box, ready, loop = Mailbox(), threading.Event(), asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, to = "", []
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).decode().strip():
            verb, answer = line.upper(), b"250 ok\r\n"
            if verb.startswith("MAIL FROM:"):
                sender, to = line[10:].split()[0].strip("<>"), []
            elif verb.startswith("RCPT TO:"):
                to.append(line[8:].strip().strip("<>"))
                answer = b"550 unknown\r\n" if to[-1] in box.refuse else answer
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                box.letters.append((sender, to, message_from_bytes(raw[:-5])))
            elif verb == "QUIT":
                answer = b"221 bye\r\n"
            writer.write(answer)
            await writer.drain()
            if verb == "QUIT":
                break
        writer.close()

    async def start() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        box.port = server.sockets[0].getsockname()[1]
        ready.set()

    loop.create_task(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
