"""The part of RFC 6455 that the floor needs, for clients that follow it: handshake, frames."""

import base64
import hashlib
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
READ = 1 << 18


def shake_hands(sock: socket.socket) -> str:
    """Answer a handshake; return the requested path, empty if the client closed."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = sock.recv(4096)
        if not piece:
            return ""
        request += piece
    key = request.lower().index(b"sec-websocket-key:") + 18
    key = request[key : request.index(b"\r", key)].strip()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return request.split()[1].decode()


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the payloads of the whole frames that a client sent, masked with zeros, and the rest."""
    payloads, at = [], 0
    while len(data) >= at + 6:
        size, start = data[at + 1] & 0x7F, at + 6
        if size == 126:
            size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
        elif size == 127:
            size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 14
        if len(data) < start + size:
            break
        payloads.append(data[start : start + size])
        at = start + size
    return payloads, data[at:]


def frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
