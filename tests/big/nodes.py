"""Two real nodes on this machine, as `run` and `ratios` want them."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "target/release/rogatory"
NAMES = {"a": "xa.oag", "b": "xb.pps"}
UP_SECONDS = 120
ARRIVES_SECONDS = 3600


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr or done.stdout}")
    return done.stdout


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def evidence(path, gib):
    """Sparse, and no MiB like another."""
    with path.open("wb") as file:
        file.truncate(gib << 30)
        for mib in range(gib << 10):
            at = (mib << 20) + 4096 * random.randrange(256)
            os.pwrite(file.fileno(), random.randbytes(4096), at)
        os.fsync(file.fileno())


class Node:
    """A node that is killed and started again."""

    def __init__(self, rogatory, home):
        self.rogatory, self.home = rogatory, home
        self.memory_kib, self.lives = 0, 0
        self.changing, self.up = threading.Lock(), threading.Event()

    def start(self):
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        where = self.home / "notify"
        where.unlink(missing_ok=True)
        ready.bind(str(where))
        ready.settimeout(UP_SECONDS)
        with (self.home / "trace").open("a") as trace:
            self.process = subprocess.Popen(
                [self.rogatory, "serve", "--config", self.home / "rogatory.toml"],
                stderr=trace, env={**os.environ, "NOTIFY_SOCKET": str(where)})
        if b"READY=1" not in ready.recv(4096):
            raise RuntimeError(f"{self.home} does not come up: see {self.home / 'trace'}")
        ready.close()
        self.lives += 1
        self.up.set()

    def look(self):
        """The most memory that this life has had so far."""
        with self.changing:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    self.memory_kib = max(self.memory_kib, int(line.split()[1]))

    def kill(self):
        self.look()
        with self.changing:
            self.up.clear()
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.start()

    def end(self):
        self.look()
        self.process.terminate()
        self.process.wait(timeout=60)


def watch(nodes, ended):
    """A node that ended by itself has no memory any more: its absence is a fault, and ends the run."""
    while not ended.wait(0.5):
        for node in nodes.values():
            try:
                node.look()
            except OSError as error:
                print(f"error: {node.home} has ended by itself: {error}", flush=True)
                os.kill(os.getpid(), signal.SIGINT)
                return


def set_up(rogatory, root):
    nodes, ports = {}, {side: (free_port(), free_port()) for side in NAMES}
    for side, name in NAMES.items():
        home, (exchange, agencies) = root / side, ports[side]
        run(rogatory, "init", "--authority", name, "--name", f"Authority {side}", "--home", home,
            "--insecure-plain-keys", "--listen", f"127.0.0.1:{exchange}", "--endpoint",
            f"127.0.0.1:{exchange}", "--agency-listen", f"127.0.0.1:{agencies}")
        nodes[side] = Node(rogatory, home)
    for side, other in ("ab", "ba"):
        card = json.loads(run(rogatory, "card", "show", "--home", root / other, "--output", "json"))
        run(rogatory, "peer", "add", root / other / "card.txt", "--home", root / side,
            "--fingerprint", card["fingerprint"])
        run(rogatory, "agency", "add", "desk", "--home", root / side, "--roles", "submit,read",
            "--all-cases", "--out", root / side / "desk.toml")
    return nodes


def arrived(rogatory, profile, node):
    """The message at the other end, when it stands in the inbox; the node may be killed meanwhile."""
    until = time.monotonic() + ARRIVES_SECONDS
    while time.monotonic() < until:
        node.up.wait()
        watching = subprocess.Popen(
            [rogatory, "inbox", "--watch", "--profile", profile, "--output", "json"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ends = threading.Timer(until - time.monotonic(), watching.kill)
        ends.start()
        line = watching.stdout.readline()
        ends.cancel()
        watching.kill()
        watching.wait()
        if line:
            return json.loads(line)["message_id"]
    raise RuntimeError("the package does not arrive")
