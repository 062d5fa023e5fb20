#!/bin/bash
# Tries the two commands of the README on a bare Debian: a minimal root from the mirror with git and
# make, a clone of the last commit, no network before and after the packages are installed; then
# the project's own Debian packages, in a root without a compiler.
#
#   check_bare.sh [RELEASE...]     bookworm (Debian 12) unless told otherwise; trixie is Debian 13
#
# MIRROR names another mirror, BARE_SCRATCH the folder for the roots (2.5 GB each, removed at the end).
# Says why and succeeds where it cannot be tried.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
scratch=${BARE_SCRATCH:-/var/tmp}
releases=("${@:-bookworm}")

skip() {
    echo "bare machine: skipped, $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "only root can make a Debian root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed (apt-get install debootstrap)"
command -v unshare >/dev/null || skip "there is no unshare (package util-linux)"
unshare --mount --net true 2>/dev/null || skip "this machine allows no namespaces of mounts and networks"

# What is mounted below goes with the namespace, however this ends.
if [ -z "${SOUNDPROOF_BARE:-}" ]; then
    SOUNDPROOF_BARE=1 exec unshare --mount --propagation private "$0" "${releases[@]}"
fi

work=$(mktemp -d "$scratch/soundproof-bare.XXXXXX")
tidy() {
    umount -l "$work"/*/proc "$work"/*/dev 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# in_root NETWORK COMMAND: NETWORK is "online" or "offline".
in_root() {
    local network=()
    [ "$1" = online ] || network=(unshare --net)
    "${network[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot "$root" /bin/bash -c "cd /root/soundproof && $2"
}

failed=0
wrong() {
    echo "bare machine: $release: $1" >&2
    failed=1
}

# expect_line WHAT FILE WORDS: one line on stderr, with the words.
expect_line() {
    [ "$(wc -l <"$2")" -eq 1 ] && grep -q "$3" "$2" && return
    wrong "$1 was to say one line about \"$3\", and said:"
    head -n 5 "$2" >&2
}

# try_packages: installs the packages in a root without a compiler, and runs what debian/tests has there.
try_packages() {
    local root=$work/$release.installed
    mkdir -p "$root/root/soundproof" && cp -r "$here/debian" "$root/root/soundproof"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    if ! in_root online 'rm -f ../*-dbgsym_* ../*-dev_* && apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends espeak-ng python3 ../*.deb' >"$work/out" 2>&1 ||
        ! in_root offline 'debian/tests/digits' >"$work/out" 2>&1; then
        tail -n 20 "$work/out" >&2
        wrong "the Debian packages could not be installed and used"
    fi
    umount -l "$root/proc" "$root/dev"
    rm -rf --one-file-system "$root"
}

for release in "${releases[@]}"; do
    root=$work/$release
    start=$SECONDS
    echo "bare machine: $release: a minimal root from $mirror"
    if ! debootstrap --variant=minbase --include=git,make,ca-certificates "$release" "$root" "$mirror" \
        >"$work/$release.log" 2>&1; then
        tail -n 3 "$work/$release.log" >&2
        skip "$release could not be had from $mirror"
    fi
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
    cp -a --one-file-system "$root" "$work/$release.installed"
    git clone -q --no-hardlinks "$here" "$root/root/soundproof"
    echo "bare machine: $release: root and clone after $((SECONDS - start)) s"

    if in_root offline make >"$work/out" 2>"$work/err"; then
        wrong "make succeeded without packages"
    fi
    grep -q 'make packages' "$work/out" "$work/err" || wrong "make without packages does not name make packages"
    if in_root offline 'make packages' >"$work/out" 2>"$work/err"; then
        wrong "make packages succeeded without a network"
    fi
    grep -v '^make' "$work/err" >"$work/said" || true
    expect_line "make packages without a network" "$work/said" network

    start=$SECONDS
    if in_root online 'make packages' >"$work/out" 2>&1; then
        echo "bare machine: $release: packages after $((SECONDS - start)) s"
    else
        tail -n 5 "$work/out" >&2
        wrong "make packages failed"
        continue
    fi
    start=$SECONDS
    if in_root offline 'make demo' >"$work/out" 2>&1; then
        echo "bare machine: $release: make demo after $((SECONDS - start)) s"
    else
        tail -n 20 "$work/out" >&2
        wrong "make demo failed"
    fi
    [ -s "$root/root/soundproof/build/demo/report.html" ] || wrong "make demo left no build/demo/report.html"
    start=$SECONDS
    if in_root offline 'make check' >"$work/out" 2>&1; then
        grep -E '^skipped|^[0-9]+ passed' "$work/out" || true
        echo "bare machine: $release: make check without a network after $((SECONDS - start)) s"
    else
        sed -n '/^FAIL/,/^ok/p' "$work/out" | head -n 200 >&2
        tail -n 5 "$work/out" >&2
        wrong "make check failed"
    fi
    start=$SECONDS
    if in_root online 'apt-get install -y -qq --no-install-recommends build-essential debhelper bash-completion && make deb' \
        >"$work/out" 2>&1; then
        cp "$root"/root/soundproof/build/deb/*soundproof*_0*.deb "$work/$release.installed/root"
        try_packages
        echo "bare machine: $release: Debian packages made and tried after $((SECONDS - start)) s"
    else
        tail -n 20 "$work/out" >&2
        wrong "make deb failed"
    fi
    umount -l "$root/proc" "$root/dev"
    rm -rf --one-file-system "$root"
done
exit "$failed"
