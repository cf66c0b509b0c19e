"""The step ``python``: calls a function of the platform's own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_datamove.errors import WrongUse
from airflow_datamove.hooks.failing import failing_as_airflow
from airflow_datamove.spec.for_each import fill_items


class PythonStepOperator(BaseOperator):
    """Imports a function where it runs, and calls it with keyword arguments; its result is the task's.

    :param function: ``package.module:function``. It is no templated field: what may be called was decided when the DAG
        was built.
    :param arguments: its keyword arguments (templated).
    :param item: what stands for ``{{ item }}`` in the arguments, in a mapped step.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#ffefeb"

    def __init__(
        self, *, function: str, arguments: Mapping[str, Any] | None = None, item: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.arguments = dict(arguments or {})
        self.item = item

    @property
    def item_label(self) -> str:
        """What the UI shows of this one among its siblings."""
        item = self.item
        if isinstance(item, Mapping):
            item = item.get("path") or ", ".join(str(value) for value in item.values())
        return str(item)[:250]

    def execute(self, context: Context) -> Any:
        """Calls the function.

        :raises AirflowFailException: if there is none of this name.
        """
        with failing_as_airflow():
            function = _found(self.function)
        arguments = self.arguments if self.item is None else fill_items(self.arguments, self.item)
        return function(**arguments)


def _found(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise WrongUse(
            f"{name}: there is no module {error.name}", remedy="Install its package on every worker"
        ) from None
    except AttributeError:
        raise WrongUse(f"{name}: the module has no {function}", remedy="Mend the name in the pipeline") from None
    if not callable(found):
        raise WrongUse(f"{name} is no function", remedy="Name a function")
    return found  # type: ignore[no-any-return]
