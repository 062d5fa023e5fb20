#!/bin/bash
# VNN-COMP: install_tool.sh v1 - installs missing packages and builds soundproof in this clone.
set -euo pipefail
if [ "${1:-}" != v1 ]; then
    echo "install_tool.sh: version v1 is known, not '${1:-}'" >&2
    exit 1
fi
cd "$(dirname "$0")/../.."
if [ -x "${SOUNDPROOF:-build/soundproof}" ]; then
    exit 0
fi
make packages
make
