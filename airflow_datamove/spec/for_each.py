"""``for_each``: one step, done once for each item of a list, or for each thing that a listing finds at run time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from airflow_datamove.errors import SpecError
from airflow_datamove.spec.fields import AddressText, Model
from airflow_datamove.spec.templates import may_have_template

MOST_ITEMS = 1000
FOUND_KEYS = ("address", "path", "name", "stem")
"""What ``{{ item.<key> }}`` may name of something that a listing has found: its whole address, its path below the
listing's fixed part, its name, and that name without its ending."""

_ITEM = re.compile(r"\{\{-?\s*item(?:\.([A-Za-z_]\w*))?\s*-?\}\}")
_KEY = re.compile(r"[A-Za-z_]\w{0,62}")

Scalar = str | int | float | bool
Item = Scalar | dict[str, Scalar]


class ForEach(Model):
    """What a step is done for: ``[eu, us]`` for short, or ``in:`` or ``list:`` with more words."""

    items: Annotated[
        list[Item],
        Field(alias="in", max_length=MOST_ITEMS, description="The items: texts, numbers, or mappings of the same keys"),
    ] = []
    listing: Annotated[
        AddressText | None,
        Field(alias="list", description="Address of a folder or a glob; each thing found there is an item"),
    ] = None
    most: Annotated[
        int, Field(ge=1, le=100_000, description="A listing that finds more fails the run before anything is done")
    ] = MOST_ITEMS
    at_once: Annotated[int | None, Field(ge=1, description="So many of a run at a time")] = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"in": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _is_sound(self) -> ForEach:
        if bool(self.items) == (self.listing is not None):
            raise SpecError("for_each needs items or a listing", remedy="Write [a, b], or list: and an address")
        keys = {tuple(sorted(item)) if isinstance(item, dict) else None for item in self.items}
        if len(keys) > 1:
            raise SpecError("the items differ in their keys", remedy="Give all of them the same keys, or none")
        for key in next(iter(keys), None) or ():
            if not _KEY.fullmatch(key):
                raise SpecError(f"{key[:80]!r} cannot be a key of an item", remedy="Use letters, digits and _")
        for item in self.items:
            for value in item.values() if isinstance(item, dict) else (item,):
                if isinstance(value, str) and may_have_template(value):
                    remedy = "Write it in the step, beside {{ item }}"
                    raise SpecError("a template in an item would not be rendered", remedy=remedy)
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """What may stand behind ``item.``; empty: ``{{ item }}`` alone."""
        if self.listing is not None:
            return FOUND_KEYS
        return tuple(sorted(self.items[0])) if isinstance(self.items[0], dict) else ()

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A list for short."""
        long = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "array", "minItems": 1, "maxItems": MOST_ITEMS}, long]}


def items_named(text: str) -> list[str]:
    """The keys of the item that a text's templates name; ``""`` for ``{{ item }}`` itself."""
    return [match[1] or "" for match in _ITEM.finditer(text)]


def without_items(text: str) -> str:
    """The text with ``x`` for each ``{{ item }}``."""
    return _ITEM.sub("x", text)


def keep_items(value: Any) -> Any:
    """The same with each ``{{ item }}`` marked, so that Jinja leaves it to :func:`fill_items`."""
    return _each_text(value, lambda text: _ITEM.sub(lambda match: f"{{% raw %}}{match[0]}{{% endraw %}}", text))


def fill_items(value: Any, item: Any, *, escape: Any = None) -> Any:
    """The same with each ``{{ item }}`` replaced.

    :param escape: what is done to the item's text first.
    """

    def told(match: re.Match[str]) -> str:
        key = match[1]
        text = str(item[key] if key and isinstance(item, Mapping) else item)
        return str(escape(text)) if escape else text

    return _each_text(value, lambda text: _ITEM.sub(told, text))


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(each, change) for each in value]
    return value
