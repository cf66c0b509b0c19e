"""Attempts of the tenant ``acme`` to reach what is not its own, each with a piece of the reason that it must be given.

``acme`` may read and write its own folders alone (:data:`LIMITS`), up to the lane normal, with 4 slots at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_datamove.scheduling.limits import Limits

SECRET = "geheim"
OWN = (
    "hdfs://onprem@/data/acme/",
    "abfs://acme_blob@drop/acme/",
    "gs://acme_gcp@lake/acme/",
    "s3://acme_s3@bucket/acme/",
    "sftp://acme_sftp@/home/acme/",
    "file:///srv/acme/",
)
LIMITS = Limits(
    tenant="acme",
    link="wan",
    read=OWN,
    write=OWN,
    max_lane="normal",
    max_slots=4,
    slot_rate=2**20,
    worker_slots=8,
    distcp_slots=8,
    urgent_slots=2,
)
GOOD = {"source": "hdfs://onprem@/data/acme/in/", "destination": "abfs://acme_blob@drop/acme/out/"}

OUTSIDE = "lies outside what tenant 'acme' may"
DOTS = "holds '.' or '..'"
CREDENTIAL = "carries a credential"

_ELSEWHERE = {
    # Another's folder, plainly; the folder above; a name that only begins the same.
    "hdfs://onprem@/data/globex/": OUTSIDE,
    "hdfs://onprem@/data/": OUTSIDE,
    "hdfs://onprem@/": OUTSIDE,
    "hdfs://onprem@": OUTSIDE,
    "hdfs://onprem@/data/acme2/": OUTSIDE,
    "hdfs://onprem@/data/acme-globex/x": OUTSIDE,
    "hdfs://onprem@/data/acm": OUTSIDE,
    "hdfs://onprem@/data/ACME/": OUTSIDE,
    "hdfs://onprem@/DATA/acme/": OUTSIDE,
    "hdfs://onprem@/data/acme /x": OUTSIDE,
    "hdfs://onprem@/ data/acme/x": OUTSIDE,
    "hdfs://onprem@/data/\N{CYRILLIC SMALL LETTER A}cme/": OUTSIDE,
    "hdfs://onprem@/data/acme\N{ZERO WIDTH SPACE}/x": OUTSIDE,
    "hdfs://onprem@/data/acme\n/x": OUTSIDE,
    "hdfs://onprem@/data/acme\t/": OUTSIDE,
    "abfs://acme_blob@drop/globex/": OUTSIDE,
    "abfs://acme_blob@drop/": OUTSIDE,
    "abfs://acme_blob@drop": OUTSIDE,
    "abfs://acme_blob@other/acme/": OUTSIDE,
    "abfs://acme_blob@Drop/acme/": OUTSIDE,
    "gs://acme_gcp@lake2/acme/": OUTSIDE,
    "gs://acme_gcp@lake/Acme/": OUTSIDE,
    "gs://acme_gcp@lake//acme/": OUTSIDE,
    "gs://acme_gcp@lake/acmex": OUTSIDE,
    "s3://acme_s3@bucket/globex/x": OUTSIDE,
    "s3://acme_s3@bucket//acme/x": OUTSIDE,
    "s3://acme_s3@globex/acme/x": OUTSIDE,
    "sftp://acme_sftp@/home/globex/": OUTSIDE,
    "sftp://acme_sftp@/etc/passwd": OUTSIDE,
    "sftp://acme_sftp@/home/acme": None,  # the folder itself, without its slash: allowed
    "file:///etc/passwd": OUTSIDE,
    "file:///srv/globex/": OUTSIDE,
    "file:///srv/acme.backup/": OUTSIDE,
    "file:///proc/self/environ": OUTSIDE,
    "file:////etc/passwd": OUTSIDE,
    # Another's connection, another scheme for the same place, a host in the connection's place.
    "hdfs://globex@/data/acme/": OUTSIDE,
    "hdfs://ONPREM@/data/acme/": OUTSIDE,
    "hdfs:///data/acme/": "no connection",
    "hdfs://namenode:8020/data/acme/": "",
    "hdfs://onprem@namenode/data/acme/": "",
    "webhdfs://onprem@/data/acme/": "unknown scheme",
    "abfs://globex_blob@drop/acme/": OUTSIDE,
    "abfss://acme_blob@drop/acme/": "",
    "wasb://acme_blob@drop/acme/": "",
    "az://acme_blob@drop/acme/": "",
    "gs://globex_gcp@lake/acme/": OUTSIDE,
    "gs://lake/acme/": "",
    "s3a://acme_s3@bucket/acme/": "",
    "s3://globex_s3@bucket/acme/": OUTSIDE,
    "s3://bucket/acme/": "",
    "sftp://globex_sftp@/home/acme/": OUTSIDE,
    "sftp://acme_sftp@evil.example/home/acme/": "",
    "http://metadata@169.254.169.254/latest/meta-data/": "",
    "https://acme_web@internal.example/": "",
    "file://localhost/srv/acme/": "names a host",
    "file://acme_sftp@/srv/acme/": "names a host",
    "memory://x/acme/": "",
    "github://globex:repo@main/acme": "",
    "zip://x::file:///etc/passwd": "",
    "simplecache::file:///etc/passwd": "",
    # Dots, in every writing.
    "hdfs://onprem@/data/acme/../globex/": DOTS,
    "hdfs://onprem@/data/acme/..": DOTS,
    "hdfs://onprem@/data/acme/./../globex": DOTS,
    "hdfs://onprem@/../data/acme/": DOTS,
    "abfs://acme_blob@drop/acme/../globex/": DOTS,
    "gs://acme_gcp@lake/acme/../../x": DOTS,
    "s3://acme_s3@bucket/acme/..//globex": DOTS,
    "sftp://acme_sftp@/home/acme/../globex/": DOTS,
    "file:///srv/acme/../../etc/passwd": DOTS,
    "file:///srv/./acme/": DOTS,
    # Characters stand for themselves: nothing is decoded, so these are other names.
    "hdfs://onprem@/data/%61cme/": OUTSIDE,
    "hdfs://onprem@/data%2Facme/": OUTSIDE,
    "hdfs://onprem@/data/acme%2F..%2Fglobex": OUTSIDE,
    "hdfs://onprem@/%64ata/acme/": OUTSIDE,
    "abfs://acme_blob@drop/acme%2f..%2fglobex/": OUTSIDE,
    "abfs://acme_blob@drop%2Facme/": "",
    "s3://acme_s3@bucket/%2e%2e/globex": OUTSIDE,
    "file:///srv/%61cme/": OUTSIDE,
    # Half characters, nothing at all, far too much.
    "hdfs://onprem@/data/acme/\0/x": "no character",
    "hdfs://onprem@/data/acme/\ud800": "no character",
    "": "missing",
    "   ": "missing",
    "hdfs://onprem@/data/acme/" + "x" * 20_000: "too long",
    "/srv/globex/": "no scheme",
    "onprem@/data/globex/": "",
    # Credentials of somebody's own.
    f"hdfs://user:{SECRET}@onprem/data/acme/": CREDENTIAL,
    f"abfs://acme_blob@drop/acme/?sv=2022&sig={SECRET}": CREDENTIAL,
    f"https://account.blob.core.windows.net/drop/x?sig={SECRET}": CREDENTIAL,
    f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket/acme/": CREDENTIAL,
    f"sftp://root:{SECRET}@host/etc/": CREDENTIAL,
    f"gs://acme_gcp@lake/acme/?access_token={SECRET}": CREDENTIAL,
    f"http://user:{SECRET}@host/x": CREDENTIAL,
}

_ELSEWHERE_BY_GLOB = {
    "hdfs://onprem@/data/*/": OUTSIDE,
    "hdfs://onprem@/data/{acme,globex}/": OUTSIDE,
    "hdfs://onprem@/data/acm?/": OUTSIDE,
    "hdfs://onprem@/data/acm[e]/": OUTSIDE,
    "hdfs://onprem@/data/[!a]*/": OUTSIDE,
    "hdfs://onprem@/{data/acme,data/globex}/": OUTSIDE,
    "hdfs://onprem@/*": OUTSIDE,
    "hdfs://onprem@/**/x": OUTSIDE,
    "hdfs://onprem@/data/\\acme/x": OUTSIDE,
    "abfs://acme_blob@drop/*": OUTSIDE,
    "abfs://acme_blob@{drop,other}/acme/": "",
    "gs://acme_gcp@*/acme/": "",
    "s3://acme_s3@bucket/{acme,globex}/*": OUTSIDE,
    "sftp://acme_sftp@/home/*/.ssh/id_rsa": OUTSIDE,
    "file:///srv/{acme,globex}/": OUTSIDE,
    # A posted address is never rendered: there these are globs, and reach out.
    "hdfs://onprem@/data/{{ 'globex' }}/": OUTSIDE,
    "hdfs://onprem@/data/{{ conn.globex_blob.password }}/": OUTSIDE,
    "hdfs://onprem@/data/{% if true %}globex{% endif %}/": OUTSIDE,
    "{{ var.value.target }}": "no scheme",
    "hdfs://{{ 'globex' }}@/data/acme/": "",
}

_OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "lane above": ({"lane": "urgent"}, "above max_lane"),
    "lane unknown": ({"lane": "express"}, ""),
    "lane of another case": ({"lane": "URGENT"}, ""),
    "lane of another DAG": ({"lane": "bulk"}, "this is the lane"),
    "more slots": ({"slots": 5}, "more than max_slots"),
    "slots beyond all": ({"slots": 10**9}, "more than max_slots"),
    "no slots": ({"slots": 0}, ""),
    "slots below none": ({"slots": -5}, ""),
    "slots as text": ({"slots": "4"}, ""),
    "priority beyond": ({"priority": 100}, ""),
    "priority below": ({"priority": -1}, ""),
    "priority as text": ({"priority": "99"}, ""),
    "priority that is no number": ({"priority": float("nan")}, ""),
    "priority true": ({"priority": True}, ""),
    "tenant in the conf": ({"tenant": "globex"}, "unknown field"),
    "limits in the conf": ({"limits": {"tenant": "globex"}}, "unknown field"),
    "pool in the conf": ({"pool": "wan.urgent"}, "unknown field"),
    "a connection in the conf": ({"hadoop_conn_id": "globex"}, "unknown field"),
    "Hadoop's properties": ({"properties": {"mapreduce.job.queuename": "globex"}}, "unknown field"),
    "Hadoop's queue": ({"queue": "globex"}, "unknown field"),
    "rate": ({"rate": "100 GiB/s"}, "unknown field"),
    "threshold": ({"threshold": 0}, "unknown field"),
    "executor_config": ({"executor_config": {"pod_override": {}}}, "unknown field"),
    "from the ledger and more": ({"from_ledger": True}, "unknown field"),
    "a route that there is not": ({"route": "ssh"}, ""),
    "DistCp without a cluster": ({"route": "distcp"}, "no Hadoop cluster"),
    "a manifest of another's": ({"manifest": "hdfs://onprem@/data/globex/list"}, OUTSIDE),
    "a manifest of the worker's": ({"manifest": "file:///etc/passwd"}, OUTSIDE),
    "a manifest by dots": ({"manifest": "hdfs://onprem@/data/acme/../globex/list"}, DOTS),
    "a manifest with a credential": ({"manifest": f"https://h/x?sig={SECRET}"}, CREDENTIAL),
    "a receipt into another's": ({"receipt": "abfs://acme_blob@drop/globex/r.parquet"}, OUTSIDE),
    "a receipt onto the worker": ({"receipt": "file:///etc/cron.d/x"}, OUTSIDE),
    "a receipt by dots": ({"receipt": "abfs://acme_blob@drop/acme/../globex/r"}, DOTS),
    "a receipt with a credential": ({"receipt": f"s3://A:{SECRET}@b/r"}, CREDENTIAL),
    "a marker that climbs": ({"publish": "together", "marker": "../globex/_SUCCESS"}, ""),
    "a marker below": ({"publish": "together", "marker": "a/b"}, ""),
    "an include that is nothing": ({"include": [""]}, ""),
    "an include with a null": ({"include": ["a\0b"]}, ""),
    "an exclude that is no list": ({"exclude": "x"}, ""),
    "too many includes": ({"include": ["x"] * 1001}, ""),
    "a copy onto itself": ({"destination": GOOD["source"]}, ""),
    "a copy into itself": ({"destination": GOOD["source"] + "below/"}, ""),
    "an unknown word": ({"overwite": "always"}, "Did you mean 'overwrite'?"),
    "a nested secret": ({"options": {"sas": SECRET}}, "unknown field"),
    "a client that is no text": ({"client": {"name": "x"}}, ""),
    "a client without end": ({"client": "x" * 121}, ""),
    "max_delete beyond": ({"mirror": True, "max_delete": 1.5}, ""),
    "an error budget below none": ({"error_budget": -1}, ""),
    "part_size of nothing": ({"part_size": "none"}, ""),
}


_NO_REQUESTS: list[Any] = [None, [], "x", 1, {"source": None, "destination": None}, {}, dict.fromkeys("abcdefgh" * 8)]


def attempts() -> Iterator[tuple[str, Any, str]]:
    """(what it tries, the request, a piece of the reason)."""
    for address, reason in _ELSEWHERE.items():
        if reason is None:
            continue
        yield f"read {address[:60]!r}", {**GOOD, "source": address}, reason
        if not address.startswith(("http", "memory", "zip", "github", "simplecache")):
            yield f"write {address[:60]!r}", {**GOOD, "destination": address}, reason
    for address, reason in _ELSEWHERE_BY_GLOB.items():
        yield f"read {address!r}", {**GOOD, "source": address}, reason
    for what, (more, reason) in _OTHER.items():
        yield what, {**GOOD, **more}, reason
    for wrong in _NO_REQUESTS:
        yield f"no request: {str(wrong)[:30]}", wrong, ""
