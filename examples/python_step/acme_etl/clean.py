"""Cleans orders."""

from __future__ import annotations

from airflow.sdk import ObjectStoragePath


def run(day: str, region: str) -> int:
    """Leaves out the empty lines of a day's orders; returns how many are kept."""
    source = ObjectStoragePath(f"gs://acme_gcp@acme-lake/raw/{region}/{day}/orders.csv")
    lines = [line for line in source.read_text().splitlines() if line.strip()]
    (ObjectStoragePath(f"gs://acme_gcp@acme-lake/clean/{region}/{day}/") / "orders.csv").write_text("\n".join(lines))
    return len(lines)
