"""A proxy that blocks WebSockets, as in some networks. It passes on all other bytes."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class PlainProxy:
    """Passes connections on to a port of this machine, and turns a handshake into a plain request."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.blocks = True
        self.handshakes = 0  # handshakes that it has seen
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _v: object, _tb: TracebackType | None) -> None:
        self._end(self._listener)
        for sock in self._open:
            self._end(sock)

    @staticmethod
    def _end(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # wakes the other thread that waits for it
        sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.to))
        except OSError:  # the server is away
            near.close()
            return
        self._open += [near, far]
        threading.Thread(target=self._copy, args=(far, near), daemon=True).start()
        self._copy(near, far)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(self._downgraded(data))
        self._end(source)
        self._end(target)

    def _downgraded(self, data: bytes) -> bytes:
        if not data.startswith(b"GET ") or b"\r\nUpgrade: websocket\r\n" not in data:
            return data
        self.handshakes += 1
        if not self.blocks:
            return data
        without = data.replace(b"\r\nUpgrade: websocket\r\n", b"\r\n")
        return without.replace(b"\r\nConnection: Upgrade\r\n", b"\r\nConnection: close\r\n")
