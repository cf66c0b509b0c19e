#!/usr/bin/env bash
# Makes .venv exactly what requirements/dev.lock.txt says, hashes checked, with the project itself installed editable.
# A stamp of all that goes into it makes a second call return at once; a changed lock or setup makes the next one sync.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
stamp=.venv/.datamove-stamp

# The folder is part of the sum, because an editable install holds its path.
sum() { { pwd && cat requirements/dev.lock.txt requirements/venv.sh setup.cfg pyproject.toml; } | sha256sum; }
current() { [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(sum)" ]; }

if current; then
    exit 0
fi

mkdir -p .stack
exec 9>.stack/.venv.lock
flock 9
if current; then
    exit 0
fi

tools="$(bash requirements/uv.sh)"
read -r uv python <<<"$tools"

# uv does not read pip's configuration: an index that is set there alone would not be asked.
index="$("$python" -m pip config get global.index-url 2>/dev/null || true)"
if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX="$index"
fi

rm -f "$stamp"
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    "$uv" venv --quiet --clear --no-python-downloads --python "$python" .venv
fi
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.lock.txt
# setuptools comes from the lock, so nothing unchecked is fetched to build with.
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
# What is left of the build would be a second distribution of this name for who starts Python here.
rm -rf ./*.egg-info
sum >"$stamp"
