"""The parameters of a pipeline: what who triggers a run may set, with types, as a form in Airflow's UI."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import Model

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OURS = {"datamove"}
"""Airflow merges a pipeline's parameters with those that a task carries for us."""
_PYTHON: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}

Scalar = str | int | float | bool
Bound = Annotated[int | float, WithJsonSchema({"type": "number"})]


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or name in _OURS:
        raise SpecError(
            f"{str(name)[:80]!r} cannot be a parameter", remedy="Use a-z, 0-9 and _, a letter first; templates name it"
        )
    return name


class Parameter(Model):
    """One parameter. What is posted for a run is checked against it, and answered with 400 if it does not fit."""

    type: Annotated[
        Literal["string", "integer", "number", "boolean", "date", "date-time"], Field(description="What it takes")
    ] = "string"
    default: Annotated[
        Scalar | None, Field(description="Its value where a run gives none; without it, it must be given")
    ] = None
    description: Annotated[str, Field(max_length=1000, description="What it is for; shown in the form")] = ""
    title: Annotated[str, Field(max_length=120, description="Its name in the form")] = ""
    enum: Annotated[list[Scalar], Field(max_length=200, description="The only values that it may have")] = []
    minimum: Annotated[Bound | None, Field(description="The least that a number may be")] = None
    maximum: Annotated[Bound | None, Field(description="The most that a number may be")] = None
    pattern: Annotated[str, Field(max_length=500, description="A regular expression that a text must match")] = ""

    @property
    def required(self) -> bool:
        """True if each run has to give it."""
        return self.default is None

    def schema_for_airflow(self) -> dict[str, Any]:
        """The JSON schema of its value, as Airflow's ``Param`` takes it."""
        schema: dict[str, Any] = {"type": "string" if self.type.startswith("date") else self.type}
        if self.type.startswith("date"):
            schema["format"] = self.type
        for key in ("title", "enum", "minimum", "maximum", "pattern"):
            if (value := getattr(self, key)) not in ("", [], None):
                schema[key] = value
        return schema

    @model_validator(mode="after")
    def _is_sound(self) -> Parameter:
        kind = _PYTHON.get(self.type, str)
        for value in (*self.enum, *(() if self.default is None else (self.default,))):
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise SpecError(
                    f"{value!r} is not of type {self.type}", remedy="Write a value of its type, or mend type:"
                )
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("integer", "number"):
            raise SpecError(f"minimum and maximum are for numbers, not for {self.type}", remedy="Leave them out")
        if self.pattern and self.type != "string":
            raise SpecError(f"a pattern is for text, not for {self.type}", remedy="Leave it out")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SpecError(f"the pattern is no regular expression: {error}", remedy="Mend it") from None
        if self.default is not None and (wrong := self._wrong_default(self.default)):
            raise SpecError(f"the default {self.default!r} {wrong}", remedy="Mend one of the two")
        return self

    def _wrong_default(self, value: Scalar) -> str:
        import jsonschema  # what Airflow checks by, so that what passes here passes there

        try:
            jsonschema.validate(value, self.schema_for_airflow(), format_checker=jsonschema.FormatChecker())
        except jsonschema.ValidationError as error:
            return f"does not fit: {error.message[:200]}"
        return ""


ParameterName = Annotated[
    str, BeforeValidator(_check_name), WithJsonSchema({"type": "string", "pattern": f"^{_IDENTIFIER.pattern}$"})
]
