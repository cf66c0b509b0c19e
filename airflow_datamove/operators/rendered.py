"""A request from an operator's fields, as they were before Airflow rendered them to text."""

from __future__ import annotations

from typing import Any


def request_values(operator: Any) -> dict[str, Any]:
    """The fields of a copy request that an operator has under the same names."""
    return {
        "source": operator.source,
        "destination": operator.destination,
        "overwrite": operator.overwrite,
        "mirror": truth(operator.mirror),
        "priority": whole(operator.priority),
        "client": operator.client,
        "slots": whole(operator.slots),
        "route": operator.route,
    }


def truth(value: bool | str) -> bool | str:
    """A template renders a boolean as text."""
    return {"true": True, "false": False}.get(str(value).strip().lower(), value)


def whole(value: int | str | None) -> int | str | None:
    """A template renders a number, and nothing, as text."""
    if isinstance(value, str):
        text = value.strip()
        return None if text in ("", "None", "null") else int(text) if text.isdecimal() and len(text) < 10 else value
    return value
