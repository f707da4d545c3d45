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
