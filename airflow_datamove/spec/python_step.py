"""The step ``python``: a function of the platform's own code, where YAML does not reach."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Model, in_yaml
from airflow_datamove.spec.templates import check_templates

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_PATTERN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.\*|:[A-Za-z_]\w*|:\*)?")


def _check_function(text: Any) -> str:
    if not isinstance(text, str) or not _FUNCTION.fullmatch(text) or len(text) > 250:
        raise SpecError(f"{str(text)[:80]!r} is no function", remedy="Write package.module:function")
    if any(part.startswith("_") for part in re.split(r"[.:]", text)):
        raise SpecError(f"{text!r} is private", remedy="Name a function whose path has no leading underscore")
    return text


def _check_arguments(arguments: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    for name, value in arguments.items():
        if not name.isidentifier():
            raise SpecError(f"{name[:80]!r} cannot be an argument", remedy="Name a parameter of the function")
        if in_yaml(info):
            _check_texts(value)
    return arguments


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        check_templates(value)
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_texts(each)


def _check_pattern(text: Any) -> str:
    if not isinstance(text, str) or not _PATTERN.fullmatch(text):
        raise SpecError(
            f"{str(text)[:80]!r} allows no functions",
            remedy="Write package.*, package.module:* or package.module:function",
        )
    return text


FunctionPattern = Annotated[str, BeforeValidator(_check_pattern)]
"""``acme_etl.*``: all modules of a package; ``acme_etl.clean``, ``acme_etl.clean:*``: one module; or one function."""


class PythonCall(Model):
    """A call of a function that the platform allows (``python_allowed``)."""

    function: Annotated[
        str, BeforeValidator(_check_function), Field(description="package.module:function, importable by every worker")
    ]
    args: Annotated[
        dict[str, Any],
        AfterValidator(_check_arguments),
        Field(max_length=50, description="Its keyword arguments; texts may hold templates"),
    ] = {}
    reads: Annotated[
        list[AddressText], Field(max_length=50, description="What it reads, for the order of the steps")
    ] = []
    writes: Annotated[
        list[AddressText], Field(max_length=50, description="What it writes, for the order and as assets")
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"function": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The function alone for short."""
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "pattern": f"^{_FUNCTION.pattern}$"}, long]}


def is_allowed(function: str, patterns: Iterable[str]) -> bool:
    """True if one of the patterns allows a function."""
    module, _, _ = function.partition(":")
    for pattern in patterns:
        if pattern.endswith(".*"):
            package = pattern.removesuffix(".*")
            if module == package or module.startswith(f"{package}."):
                return True
        elif ":" in pattern:
            if fnmatchcase(function, pattern):
                return True
        elif module == pattern:
            return True
    return False
