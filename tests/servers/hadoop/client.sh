#!/usr/bin/env bash
# The `hadoop` command of this cluster: distcp, fs, classpath, version, or the name of a class, as Hadoop's own takes them.
set -euo pipefail

lib='@LIB@'
conf="${HADOOP_CONF_DIR:-@CONF@}"
classpath="$conf:$lib/*${HADOOP_CLASSPATH:+:$HADOOP_CLASSPATH}"

case "${1:-}" in
    distcp) main=org.apache.hadoop.tools.DistCp ;;
    fs | dfs) main=org.apache.hadoop.fs.FsShell ;;
    version) main=org.apache.hadoop.util.VersionInfo ;;
    classpath)
        printf '%s\n' "$classpath"
        exit 0
        ;;
    *.*) main="$1" ;;
    *)
        echo "Usage: hadoop distcp|fs|classpath|version|CLASS [argument ...]" >&2
        exit 1
        ;;
esac
shift

# exec, so that a signal reaches the JVM. Of an option given twice the JVM takes the last: the caller's stands.
# shellcheck disable=SC2086  # the caller's options are words, as with Hadoop's own command
exec '@JAVA_HOME@/bin/java' -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.net.preferIPv4Stack=true \
    --add-opens=java.base/java.lang=ALL-UNNAMED -Djava.io.tmpdir='@TMP@' \
    -Dhadoop.root.logger="${HADOOP_ROOT_LOGGER:-INFO,console}" ${HADOOP_OPTS:-} ${HADOOP_CLIENT_OPTS:-} \
    -cp "$classpath" "$main" "$@"
