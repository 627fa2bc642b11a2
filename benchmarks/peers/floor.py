"""The floor: a Python loop of `send()` of one prebuilt frame over raw sockets, and nothing else.

`floor.py PORT` sends each message separately; `floor.py PORT joined` joins all available messages. It ignores
slow clients, pings and errors, so it measures the cost of the system calls.
"""

import select
import socket
import sys

from floor_protocol import READ, frame, shake_hands, split


def receive(publisher: socket.socket, rest: bytes, joined: bool) -> tuple[list[bytes], bytes | None]:
    """Return the bytes to send, and the rest of an unfinished frame; None if the publisher closed."""
    data = publisher.recv(READ)
    if not data:
        return [], None
    payloads, rest = split(rest + data)
    frames = [frame(payload) for payload in payloads]
    return [b"".join(frames)] if joined else frames, rest


def main(port: int, joined: bool) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients: list[socket.socket] = []
    publishers: dict[int, socket.socket] = {}
    rests: dict[int, bytes | None] = {}
    while True:
        for fd, _ in epoll.poll():
            if fd in publishers:
                frames, rests[fd] = receive(publishers[fd], rests[fd], joined)
                for data in frames:
                    for client in clients:
                        client.send(data)
                if rests[fd] is None:
                    epoll.unregister(fd)
                    publishers.pop(fd).close()
                continue
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            path = shake_hands(sock)
            if path == "/publish":
                publishers[sock.fileno()], rests[sock.fileno()] = sock, b""
                epoll.register(sock, select.EPOLLIN)
            elif path:
                clients.append(sock)


main(int(sys.argv[1]), sys.argv[2:] == ["joined"])
