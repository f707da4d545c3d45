# Sourced by the scripts beside it: a place to work in, what they start, and the tools they need.
# shellcheck shell=bash

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here
work="$(mktemp -d)"
readonly work
# Processes that end with the script.
started=()

clean_up() {
    local code=$?
    if [ "${#started[@]}" -ne 0 ]; then
        kill "${started[@]}" 2>/dev/null || true
        wait "${started[@]}" 2>/dev/null || true
    fi
    chmod -R u+w "$work"
    rm -rf "$work"
    exit "$code"
}
trap clean_up EXIT

apt_install() {
    if ! { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; } \
        >"$work/apt.log" 2>&1; then
        cat "$work/apt.log" >&2
        printf 'error: this is needed, and cannot be installed: %s\n' "$*" >&2
        return 1
    fi
}

# need COMMAND PACKAGE: installs the package of Debian where there is no such command.
need() {
    command -v "$1" >/dev/null || apt_install "$2"
}

have_go() {
    command -v go >/dev/null || {
        printf 'error: go 1.26 or newer is needed\n' >&2
        return 1
    }
}

# The programs below go/ and the witness are built here. FOREIGN_BIN names them where they are built
# already.
bin="${FOREIGN_BIN:-$work/bin}"
readonly bin

build_go() {
    if [ -z "${FOREIGN_BIN:-}" ]; then
        have_go
        (cd "$here/go" && go build -buildvcs=false -o "$bin/" ./...) 2>"$work/go.log" || {
            cat "$work/go.log" >&2
            return 1
        }
    fi
}

# Another witness, which is a command and no library. What it is built from is verified by the Go
# project's database of checksums.
readonly LITEWITNESS=filippo.io/torchwood/cmd/litewitness@v0.9.0
build_litewitness() {
    if [ -z "${FOREIGN_BIN:-}" ]; then
        have_go
        GOBIN="$bin" go install "$LITEWITNESS" 2>"$work/litewitness.log" || {
            cat "$work/litewitness.log" >&2
            return 1
        }
    fi
}

free_port() {
    python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

# until_true PID COMMAND…: waits until the command succeeds, as long as the process lives.
until_true() {
    local process="$1"
    shift
    until "$@" >/dev/null 2>&1; do
        kill -0 "$process"
        sleep 0.05
    done
}

# start_litewitness LOG-KEY: sets lite_url and lite_key. litewitness has its key in an ssh-agent and
# its logs in SQLite; the command that writes them there (witnessctl) does not build without
# sigsum-go, so this does what it would.
start_litewitness() {
    local known_log="$1" agent="$work/agent" database="$work/litewitness.db" port
    need ssh-agent openssh-client
    need curl curl
    ssh-keygen -q -t ed25519 -N '' -f "$work/lite"
    ssh-agent -D -a "$agent" >/dev/null &
    started+=($!)
    until_true $! test -S "$agent"
    SSH_AUTH_SOCK="$agent" ssh-add -q "$work/lite"
    python3 - "$database" "$known_log" <<'PYTHON'
import base64, hashlib, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)")
    db.execute("CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))")
    origin, empty = sys.argv[2].split("+")[0], hashlib.sha256(b"").digest()
    db.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, base64.b64encode(empty).decode()))
    db.execute("INSERT INTO key VALUES (?, ?)", (origin, sys.argv[2]))
PYTHON
    port="$(free_port)"
    "$bin/litewitness" -db "$database" -name witness.example/lite -ssh-agent "$agent" \
        -key "$(ssh-keygen -lf "$work/lite.pub" | cut -d' ' -f2)" -listen "127.0.0.1:$port" \
        2>"$work/lite.log" &
    started+=($!)
    lite_url="http://127.0.0.1:$port"
    until_true $! curl -sf "$lite_url/"
    lite_key="$(sed -n 's/.*msg="verifier key" vkey=//p' "$work/lite.log")"
}

# start_omniwitness LOG-KEY: sets omni_url and omni_keys, of Ed25519 and ML-DSA-44.
start_omniwitness() {
    need curl curl
    "$bin/witness" witness.example/omni "$1" >"$work/omni.out" 2>"$work/omni.log" &
    started+=($!)
    until_true $! grep -q '^key .*+[0-9a-f]\{8\}+B' "$work/omni.out"
    until_true $! curl -s "$(sed -n 's/^url //p' "$work/omni.out")/"
    omni_url="$(sed -n 's/^url //p' "$work/omni.out")"
    mapfile -t omni_keys < <(sed -n 's/^key //p' "$work/omni.out")
}

# describe_witnesses LOG-KEY DIR: writes keys, policy and policy.ed25519 of those that were started.
describe_witnesses() {
    local to="$2"
    printf '%s\n' "$lite_key" "${omni_keys[@]}" >"$to/keys"
    {
        printf 'log %s\n' "$1"
        printf 'witness lite %s %s\n' "$lite_key" "$lite_url"
        printf 'witness omni %s %s\n' "${omni_keys[0]}" "$omni_url"
    } | tee "$to/policy" >"$to/policy.ed25519"
    printf 'group both 2 lite omni\nquorum both\n' >>"$to/policy.ed25519"
    {
        printf 'witness omni-pq %s %s\n' "${omni_keys[1]}" "$omni_url"
        printf 'group three all lite omni omni-pq\nquorum three\n'
    } >>"$to/policy"
}
