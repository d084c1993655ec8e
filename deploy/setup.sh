#!/bin/sh
# Sees to what agentpulse needs beyond its sources: cargo, a C compiler, and the program of a
# Redis (7.0 or newer) or Valkey (7.2 or newer) server; with `tests`, a Chromium as well, which
# the tests of the page look through. Only the last two are installed, by the system's package
# manager, and only where none is found. Running it again changes nothing.
set -eu

RUST_MIN="1.89"

fail() {
    echo "setup: $1" >&2
    exit 1
}

# The package manager needs root; in a container there often is no sudo, and no need of it.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "no root and no sudo: run as root: $*"
    fi
}

# Prints the first server of PATH that is new enough, in the order the daemon looks for one.
# Its version line reads "Redis server v=7.0.15 sha=…", or "Valkey server v=8.0.1 …".
find_server() {
    for name in valkey-server redis-server; do
        program=$(command -v "$name" 2>/dev/null) || continue
        version=$("$program" --version 2>/dev/null | sed -n 's/.* v=\([0-9][0-9.]*\).*/\1/p')
        major=${version%%.*}
        if [ -n "$major" ] && [ "$major" -ge 7 ]; then
            echo "$program (version $version)"
            return 0
        fi
    done
    return 1
}

# Debian and Ubuntu. Their package would also start a server on port 6379 and enable it at
# boot. A mask that ends with this boot, of that one unit, keeps it from starting; without
# systemd the package decides by itself. A service that was there before is not touched.
install_by_apt() {
    # Without a network the package may still be in the cache.
    as_root apt-get update -q || true
    held=""
    failed=""
    if [ -d /run/systemd/system ] && ! systemctl cat redis-server.service >/dev/null 2>&1; then
        as_root systemctl mask --runtime redis-server.service && held="yes"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q redis-server ||
        failed="yes"
    if [ -n "$held" ]; then
        as_root systemctl unmask --runtime redis-server.service || true
        as_root systemctl disable redis-server.service || true
    fi
    [ -z "$failed" ] || return 1
    echo "setup: the redis-server package has a service of its own on port 6379, which agentpulse" \
        "neither uses nor touches"
}

# Prefers Valkey where the distribution has both: newer ones ship only that.
install_either() {
    "$@" valkey || "$@" redis
}

install_server() {
    if command -v apt-get >/dev/null 2>&1; then
        install_by_apt
    elif command -v dnf >/dev/null 2>&1; then
        install_either as_root dnf install -y
    elif command -v apk >/dev/null 2>&1; then
        install_either as_root apk add --no-cache
    elif command -v pacman >/dev/null 2>&1; then
        install_either as_root pacman -S --needed --noconfirm
    elif command -v brew >/dev/null 2>&1; then
        # Homebrew refuses to run as root, and starts no service unless it is asked to.
        install_either brew install
    else
        fail "install Redis 7.0 or Valkey 7.2, or newer, so that its server is in PATH"
    fi
}

command -v cargo >/dev/null 2>&1 ||
    fail "cargo is missing: install Rust $RUST_MIN or newer, see https://rustup.rs"
command -v cc >/dev/null 2>&1 ||
    fail "a C compiler is missing (for the bundled SQLite): apt-get install build-essential, \
dnf install gcc, apk add build-base, pacman -S base-devel, or xcode-select --install"

if ! find_server >/dev/null; then
    install_server || fail "the package manager could not install a Redis or Valkey server"
    find_server >/dev/null ||
        fail "the server is too old: Redis 7.0 or Valkey 7.2 is needed, https://valkey.io/download"
fi
echo "setup: $(cargo --version), $(find_server)"

# The names that the tests look for.
find_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" 2>/dev/null && return 0
    done
    mac="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    [ -x "$mac" ] && echo "$mac"
}

# Ubuntu's package of this name only points at a snap, which cannot be driven from a test.
install_browser() {
    if command -v apt-get >/dev/null 2>&1 && ! grep -qs '^ID=ubuntu' /etc/os-release; then
        as_root apt-get update -q || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf install -y chromium
    elif command -v apk >/dev/null 2>&1; then
        as_root apk add --no-cache chromium
    elif command -v pacman >/dev/null 2>&1; then
        as_root pacman -S --needed --noconfirm chromium
    else
        return 1
    fi
}

if [ "${1:-}" = tests ]; then
    if ! find_browser >/dev/null; then
        install_browser || true
    fi
    find_browser >/dev/null || echo "setup: no Chromium or Google Chrome: the tests of the page \
will be skipped; install one to run them" >&2
fi
