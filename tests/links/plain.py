"""Plain parallel TCP streams, to compare with: what they carry of a number of bytes, and how fast.

`plain.py take HOST PORT BYTES` counts what comes over all streams and ends when that is enough;
`plain.py send HOST PORT STREAMS` sends without end, and opens a stream anew as soon as it breaks.
"""

import socket
import sys
import threading

PIECE = bytes(32 << 10)


def take(host, port, wanted):
    counted, lock, enough = [0], threading.Lock(), threading.Event()

    def read(stream):
        while not enough.is_set():
            try:
                data = stream.recv(64 << 10)
            except OSError:
                return
            if not data:
                return
            with lock:
                counted[0] += len(data)
                if counted[0] >= wanted:
                    enough.set()

    listener = socket.create_server((host, port), backlog=64)

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=read, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("ready", flush=True)
    enough.wait()
    print("enough", flush=True)


def send(host, port, streams):
    def stream():
        while True:
            try:
                with socket.create_connection((host, port), timeout=10) as to:
                    to.settimeout(None)
                    to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while True:
                        to.sendall(PIECE)
            except OSError:
                # At once: what a try takes, the link says.
                continue

    for _ in range(streams):
        threading.Thread(target=stream, daemon=True).start()
    threading.Event().wait()


def main():
    what, host, port, number = sys.argv[1:5]
    {"take": take, "send": send}[what](host, int(port), int(number))


main()
