"""The tag of a DistCp task: one for each task instance, the same for each of its tries, however what it is given is
ordered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.distcp.options import DistCpRequest, check_tag
from airflow_datamove.operators.distcp import DistCpOperator
from airflow_datamove.operators.tag import tag_of

# Ids of Airflow: whatever a database's text may hold.
_IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
_FEW = st.sampled_from(["a", "b", "a.b", "a\x01", "None", "-1", "1", "11"])
_INSTANCES = st.tuples(_IDS | _FEW, _IDS | _FEW, _IDS | _FEW, st.integers(-1, 300), st.integers(0, 300))
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "include": st.lists(_FEW, max_size=3),
        "exclude": st.lists(_FEW, max_size=3),
        "max_size": st.integers(0, 9),
        "create": st.booleans(),
        "error_budget": st.integers(0, 9),
    },
)


@given(_INSTANCES, _INSTANCES)
def test_two_task_instances_never_share_one(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (tag_of(*one) == tag_of(*other)) is (one == other)
    check_tag(tag_of(*one))
    # As YARN keeps it.
    assert tag_of(*one) == tag_of(*one).lower()


@given(st.sets(st.integers(-1, 5000), min_size=2))
def test_nor_do_mapped_tasks_of_one_run(indices: set[int]) -> None:
    assert len({tag_of("d", "r", "t", index, 2) for index in indices}) == len(indices)


def _asked(order: list[str], fields: dict[str, Any], properties: dict[str, str], try_number: int) -> DistCpRequest:
    """What a task asks for whose arguments came in some order."""
    given = {"source": "hdfs://c@/s/", "destination": "hdfs://c@/d/", "client": "me"}
    request = {name: {**given, **fields}[name] for name in order}
    operator = DistCpOperator(
        task_id="t",
        handed_over={"reason": "", "request": request},
        properties={name: properties[name] for name in sorted(properties, key=order[0].__lt__)},
    )
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=3, max_tries=2, try_number=try_number)
    context: Any = {"ti": ti}
    return operator._job_request(context, operator.requested(context), 1, 1)


@given(st.data(), _FIELDS, st.integers(1, 3))
def test_a_retry_that_is_given_the_same_in_another_order_asks_for_the_same(
    data: st.DataObject, fields: dict[str, Any], try_number: int
) -> None:
    names = ["source", "destination", "client", *fields]
    one = _asked(names, fields, {"dfs.replication": "1", "dfs.blocksize": "9"}, 1)
    again = _asked(
        data.draw(st.permutations(names)), fields, {"dfs.blocksize": "9", "dfs.replication": "1"}, try_number
    )
    assert again == one
    assert again.tag == tag_of("d", "r", "t", 3, 2)
