#!/usr/bin/env bash
# Builds the jar that the package carries: build.sh FOLDER puts it there. The same sources and the same JDK give the same bytes.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -r "$here/pom.xml" "$here/src" "$work/"
mvn -B -q -f "$work/pom.xml" package
cp "$work/target/planned-copy-listing.jar" "$1/"
