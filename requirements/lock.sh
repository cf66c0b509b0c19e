#!/usr/bin/env bash
# Writes requirements/dev.lock.txt anew from setup.cfg: every version and hash, no index's address.
# Pass --upgrade to take later versions than those in the lock, or --upgrade-package NAME for one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools="$(bash requirements/uv.sh)"
exec "${tools%% *}" pip compile setup.cfg --extra dev --extra postgres --extra git --override requirements/overrides.txt \
    --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --generate-hashes \
    --quiet -o requirements/dev.lock.txt "$@"
