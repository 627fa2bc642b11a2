"""The process behind forks.py: `fork_parent.py DESCRIPTOR` imports the tracker, and forks on request.

Each order on the socket is a line of JSON with four descriptors: the standard streams, and one for the
result. The result is the process id and then the exit status. A process between this one and the program
waits for its end.
"""

import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("base", "commands", "domain", "geo", "realtime", "server", "storage", "web")
MAX_DESCRIPTORS = 4
# As they are before gevent puts its own in their place: this process has no event loop.
fork, waitpid = os.fork, os.waitpid
orders = socket.socket(fileno=int(sys.argv[1]))


def import_tracker() -> None:
    """Import the tracker and all modules of its rooms, also those that a start imports late."""
    sys.path.insert(0, str(ROOT))
    import tracker  # noqa: F401, I001 (the first: it patches the standard library)
    import compiled_templates
    import weak_hashes

    compiled_templates.use()
    weak_hashes.use()
    for room in ROOMS:
        for path in sorted((ROOT / room).glob("[a-z]*.py")):
            __import__(f"{room}.{path.stem}")


def next_order() -> tuple[dict[str, Any], list[int]] | None:
    """Wait for an order; return None when no process can send one any more."""
    data, descriptors, *_ = socket.recv_fds(orders, 1 << 16, MAX_DESCRIPTORS)
    while data and not data.endswith(b"\n"):
        data += orders.recv(1 << 16)
    return (json.loads(data), list(descriptors)) if data else None


def reap() -> None:
    """Wait for all children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while waitpid(-1, os.WNOHANG)[0]:
            pass


def carry_out(order: dict[str, Any], descriptors: list[int]) -> bool:
    """Fork twice. Return True in the process that becomes the program, with its streams open."""
    if fork():
        return False
    orders.close()
    *streams, status = descriptors
    pid = fork()
    if pid:
        report_end(pid, streams, status)
    os.close(status)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    return True


def report_end(pid: int, streams: list[int], status: int) -> NoReturn:
    """Write the process id, and later the exit status. Hold no stream open meanwhile. Doesn't return."""
    for descriptor in (0, 1, 2, *streams):
        os.close(descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(status, b"%d\n" % pid)
    _, ended = waitpid(pid, 0)
    with contextlib.suppress(OSError):  # the process that asked has ended
        os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def run(program: list[str]) -> NoReturn:
    """Run `python PROGRAM`, and exit without tearing down the modules, which costs ten times the fork."""
    import gevent

    gevent.reinit()
    sys.argv = program
    sys.path[0] = os.path.dirname(os.path.abspath(program[0]))
    status: Any = 0
    try:
        runpy.run_path(program[0], run_name="__main__")
    except SystemExit as error:
        status = error.code
    except BaseException:  # noqa: BLE001 (as the interpreter does at the top)
        sys.excepthook(*sys.exc_info())
        status = 1
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status or 0)


def main() -> None:
    import_tracker()
    gc.collect()
    gc.freeze()  # a collection in a fork would copy what the forks share
    while (found := next_order()) is not None:
        order, descriptors = found
        if carry_out(order, descriptors):
            run(order["program"])
        for descriptor in descriptors:
            os.close(descriptor)
        reap()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # the programs of tests that were interrupted
    with contextlib.suppress(ChildProcessError):
        while True:  # so that the system counts their processor time as this one's
            waitpid(-1, 0)


if __name__ == "__main__":
    main()
