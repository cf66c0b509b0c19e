#!/usr/bin/env bash
# Prints the path of the uv that this project uses, after fetching it (hash-checked) into the user's cache when needed.
# Whoever sources or runs it needs python3 with its venv module, and nothing else.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
home="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
cache="${XDG_CACHE_HOME:-$home/.cache}/airflow-datamove"
version="$(sed -n 's/^uv==\([^ ]*\).*/\1/p' "$here/uv.lock.txt")"
place="$cache/uv-$version"

# The project is made for 3.11; a later one serves where that is missing.
python="${PYTHON:-}"
if [ -z "$python" ]; then
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python="$candidate"
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Python 3.11 or later is needed; set PYTHON to one." >&2
    exit 1
fi

if [ ! -x "$place/bin/uv" ]; then
    mkdir -p "$cache"
    temporary="$(mktemp -d "$cache/.uv-$version.XXXXXX")"
    trap 'rm -rf "$temporary"' EXIT
    echo "Fetching uv $version" >&2
    "$python" -m venv "$temporary" >&2
    "$temporary/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r "$here/uv.lock.txt" >&2
    # In a race the first one wins; uv is one binary and does not mind the new name.
    mv -T "$temporary" "$place" 2>/dev/null || [ -x "$place/bin/uv" ]
fi

echo "$place/bin/uv $("$python" -c 'import sys; print(sys.executable)')"
