"""Messages between the processes: JSON with its length before it, and open files beside it."""

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")


def send(connection: socket.socket, message: dict[str, Any], files: list[int] | None = None) -> None:
    """Send a message, and open files with it."""
    data = json.dumps(message).encode()
    head = _LENGTH.pack(len(data))
    if files:
        socket.send_fds(connection, [head], files)
    else:
        connection.sendall(head)
    connection.sendall(data)


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next message, None if the other side is gone, and the files that came with it."""
    head, files, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
    head += _exactly(connection, _LENGTH.size - len(head)) if head else b""
    if len(head) < _LENGTH.size:
        return None, files
    (length,) = _LENGTH.unpack(head)
    data = _exactly(connection, length)
    return (json.loads(data) if len(data) == length else None), files


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length and (part := connection.recv(min(length, 2**20))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
