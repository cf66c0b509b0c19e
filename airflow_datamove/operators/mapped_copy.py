"""One copy of many: a step with ``for_each``, whose item is put into its addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_datamove.operators.copy import SizeRoutedCopyOperator
from airflow_datamove.spec.for_each import fill_items
from airflow_datamove.transfer.glob import escape

_GLOBS = ("source", "include", "exclude")


class MappedCopyOperator(SizeRoutedCopyOperator):
    """A :class:`SizeRoutedCopyOperator` whose texts name an item: ``{{ item }}``, kept from Jinja by ``keep_items``.

    :param item: what is put there: a text, a number, or a mapping whose keys are named as ``{{ item.key }}``. It is no
        templated field: Airflow renders what a mapped task gets in one, and a file's name that looks like a template
        must stay a name.
    :param found: the item comes from a listing: its glob characters are part of a name.
    :param options: the fields of a copy request that Airflow does not know as parameters of a mapped task.
    """

    def __init__(
        self,
        *,
        item: str | int | float | bool | Mapping[str, Any] = "",
        found: bool = False,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**(options or {}), **kwargs)
        self.item = item
        self.found = found

    @property
    def item_label(self) -> str:
        """What the UI shows of this one among its siblings."""
        item = self.item
        if isinstance(item, Mapping):
            item = item.get("path") or ", ".join(str(value) for value in item.values())
        return str(item)[:250]

    def wishes(self) -> dict[str, Any]:
        """See :meth:`DistCpOperator.wishes`; with the item in its place."""
        return {
            field: fill_items(value, self.item, escape=escape if self.found and field in _GLOBS else None)
            for field, value in super().wishes().items()
        }
