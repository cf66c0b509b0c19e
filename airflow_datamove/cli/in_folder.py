"""Which platform's folder a command means, and which tenant and pipeline of it."""

from __future__ import annotations

from pathlib import Path

from airflow_datamove.errors import SpecError, WrongUse
from airflow_datamove.spec.fields import check_name
from airflow_datamove.spec.folder import PLATFORM_FILE


def root_of(path: Path) -> Path:
    """The nearest folder upwards that holds ``platform.yaml``.

    :raises WrongUse: if there is none.
    """
    if not path.exists():
        raise WrongUse(f"there is no {path}", remedy="Name a file or a folder")
    resolved = path.resolve()
    for each in (resolved, *resolved.parents):
        if (each / PLATFORM_FILE).is_file():
            return each
    raise WrongUse(
        f"there is no {PLATFORM_FILE} at or above {path}", remedy="Write one, or name the folder that has it"
    )


def tenant_and_pipeline(text: str) -> tuple[str, str]:
    """The two names of ``TENANT/PIPELINE``.

    :raises WrongUse: if they cannot be.
    """
    tenant, _, pipeline = text.partition("/")
    try:
        return check_name(tenant), check_name(pipeline)
    except SpecError as error:
        raise WrongUse(f"{text!r} is not TENANT/PIPELINE: {error.message}", remedy=error.remedy) from None
