"""What many mapped copies hand over, as one list."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context, XComArg


class GatherOperator(BaseOperator):
    """Joins the lists that the mapped instances of a task return, so that another task can be mapped over all of it.

    :param lists: their output. It is no templated field: what is in it must not be rendered.
    """

    ui_color = "#eeeeee"

    def __init__(self, *, lists: XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lists = lists

    def execute(self, context: Context) -> list[Any]:
        """The one list."""
        return [each for some in self.lists.resolve(context) for each in some or ()]
