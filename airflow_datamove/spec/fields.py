"""The kinds of field that several specifications share: sizes, rates, percentages, names, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from airflow_datamove.address import Address, carries_credential
from airflow_datamove.errors import SpecError
from airflow_datamove.quantity import parse_duration, parse_rate, parse_size
from airflow_datamove.spec.templates import check_templates, without_templates
from airflow_datamove.stores import registry

Lane = Literal["urgent", "normal", "bulk"]
LANES: tuple[Lane, ...] = ("bulk", "normal", "urgent")
"""The lanes, lowest first."""

_WHOLE_ITEM = re.compile(r"\{\{-?\s*item\b")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Model(BaseModel):
    """A part of a specification: unknown fields are mistakes, and text is never taken for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, ser_json_inf_nan="strings")


def check_name(name: Any) -> str:
    """A tenant's, pipeline's, step's or link's name: it becomes part of a DAG id, a task id or a pool's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(
            f"{str(name)[:80]!r} cannot be a name", remedy="Use a-z, 0-9, - and _, at most 63, a letter or digit first"
        )
    return name


def check_address(text: Any, info: ValidationInfo) -> str:
    """An address whose form and scheme are sound. In YAML it may hold templates; a posted one is taken as it stands.

    :raises AddressError: as :meth:`Address.parse` and :func:`airflow_datamove.stores.registry.check` do.
    :raises SpecError: if a template cannot be read, or names what a tenant may not see.
    """
    if isinstance(text, str) and in_yaml(info) and not carries_credential(text):
        check_templates(text)
        if not _WHOLE_ITEM.match(text):  # of an item that is an address of its own, nothing is known yet
            registry.check(Address.parse(without_templates(text)))
    else:
        registry.check(Address.parse(text))
    return str(text)


def in_yaml(info: ValidationInfo) -> bool:
    """True if what is validated was written in YAML, whose text fields Airflow renders."""
    return bool(info.context and info.context.get("yaml"))


def _fraction(value: Any) -> float:
    match = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    number = float(match[1]) / 100 if match else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
        raise SpecError("must be between 0% and 100%", remedy="Write it as 75%")
    return float(number)


def _with_unit(parse: Callable[[Any], Any]) -> BeforeValidator:
    """Reads a quantity. In YAML a number is a word that somebody wrote without its unit; in JSON it has one."""

    def read(value: Any, info: ValidationInfo) -> Any:
        bare = in_yaml(info) and isinstance(value, (int, float)) and not isinstance(value, bool)
        return parse(str(value) if bare else value)

    return BeforeValidator(read)


def _text_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", "minimum": 0}], "examples": [example]}
    )


Name = Annotated[str, BeforeValidator(check_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
Size = Annotated[
    int, BeforeValidator(parse_size), _text_schema(r"^\s*\d+(\.\d+)?\s*([kKmMgGtTpP]?i?[bB]?)\s*$", "1 GiB")
]
"""Bytes, written as ``1 GiB``."""
Rate = Annotated[
    int,
    _with_unit(parse_rate),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[A-Za-z]", "examples": ["50 Gbit/s"]}),
]
"""Bytes per second, written as ``25 MiB/s`` or ``50 Gbit/s``."""
Duration = Annotated[
    float,
    _with_unit(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*[smhdw]|0+)\s*$"},
                {"type": "number", "minimum": 0},
            ]
        }
    ),
]
"""Seconds, written as ``7d``."""
Fraction = Annotated[
    float,
    BeforeValidator(_fraction),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\s*\d{1,3}(\.\d+)?\s*%\s*$"}, {"type": "number"}]}),
]
"""0.0 to 1.0, written as ``75%``."""
AddressText = Annotated[
    str,
    BeforeValidator(check_address),
    WithJsonSchema(
        {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*://", "examples": ["gs://acme_gcp@bucket/a/"]}
    ),
]
"""An address as written; see :class:`airflow_datamove.address.Address`."""
