#!/usr/bin/env bash
# What the machine itself must have for the real servers: Java 17 or later, Maven (to fetch Hadoop once), OpenSSH's
# server, a Kerberos key distribution centre, MariaDB, Python's venv.
# Run as root it installs what is missing by apt; run as anybody else it prints the command to run and ends with 1.
# Everything else (Node, Azurite, PostgreSQL, Hadoop, ...) comes from .venv or is fetched into the user's cache.
set -euo pipefail

home="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
cache="${XDG_CACHE_HOME:-$home/.cache}/airflow-datamove"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
hadoop="$cache/hadoop-$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$here/hadoop/__init__.py")"

missing=()

java_major="$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -1 || true)"
if [ "${java_major:-0}" -lt 17 ]; then
    missing+=(openjdk-17-jre-headless)
fi

if [ ! -d "$hadoop" ] && ! command -v mvn >/dev/null; then
    missing+=(maven)
fi

# A plain user's PATH has no /usr/sbin.
if ! PATH="$PATH:/usr/sbin" command -v sshd >/dev/null; then
    missing+=(openssh-server)
fi

if ! PATH="$PATH:/usr/sbin" command -v krb5kdc >/dev/null || ! command -v kinit >/dev/null; then
    missing+=(krb5-kdc krb5-admin-server krb5-user)
fi

if ! PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null; then
    missing+=(mariadb-server)
fi

# Debian's python3 has the venv module but not ensurepip, without which it makes no venv.
if ! "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=(python3-venv)
fi

if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi

# Debian would start OpenSSH's server at once, for logins from everywhere: the tests start one of their own on 127.0.0.1.
# Who wants the machine's as well: systemctl unmask ssh.service ssh.socket
mask=""
if [[ " ${missing[*]} " == *" openssh-server "* ]] && [ -d /run/systemd/system ]; then
    mask="systemctl mask ssh.service ssh.socket"
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    install="sudo apt-get install -y --no-install-recommends ${missing[*]}"
    echo "Missing: ${missing[*]}. Run: ${mask:+sudo $mask && }$install" >&2
    exit 1
fi

if [ -n "$mask" ]; then
    $mask >&2
fi

export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; }
# The list of packages may be missing or too old to fetch by.
install 2>/dev/null || { apt-get update -qq && install; }
