"""A pipeline as boxes and arrows: what starts it, its pre-conditions, its steps, and the assets that it tells of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from airflow_datamove.spec.graph import last_of, order, outputs_of
from airflow_datamove.spec.pipeline import Pipeline, StepOptions

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 270, 52, 50, 18, 16
_LONGEST = 38
_COLOURS = {"start": "#fff3cd", "when": "#e0ecf4", "step": "#d5e8d4", "output": "#eeeeee"}


@dataclass(frozen=True, slots=True)
class Box:
    """One box. ``level`` is its column: one more than that of the last box before it."""

    key: str
    kind: str
    """``start``, ``when``, ``step`` or ``output``."""
    title: str
    detail: str
    level: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, and arrows between their keys."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]

    def before(self, key: str) -> list[str]:
        """The keys of the boxes that an arrow leads from to this one."""
        return [start for start, end in self.arrows if end == key]


def draw(name: str, pipeline: Pipeline) -> Drawing:
    """The drawing of a sound pipeline.

    :param name: ``<tenant>.<pipeline>``.
    """
    boxes, arrows = [], []
    starts = list(_starts(pipeline))
    boxes += starts
    conditions = [
        Box(f"when_{index}", "when", f"when_{index}", condition.exists, 1)
        for index, condition in enumerate(pipeline.when, 1)
    ]
    boxes += conditions
    arrows += [(start.key, condition.key) for start in starts for condition in conditions]
    levels: dict[str, int] = {}
    follows = order(pipeline)
    while len(levels) < len(follows):
        for step, others in follows.items():
            if step not in levels and all(other in levels for other in others):
                levels[step] = 1 + max([levels[other] for other in others], default=1 if conditions else 0)
    for step, others in sorted(follows.items(), key=lambda each: levels[each[0]]):
        title, detail = _told(step, pipeline.steps[step])
        boxes.append(Box(step, "step", title, detail, levels[step]))
        before = list(others) or [box.key for box in conditions or starts]
        arrows += [(other, step) for other in before]
    last = 1 + max(levels.values())
    for output in [name, *outputs_of(pipeline)]:
        boxes.append(Box(f"asset:{output}", "output", "asset", output, last))
        arrows += [(step, f"asset:{output}") for step in last_of(follows)]
    return Drawing(name, tuple(boxes), tuple(arrows))


def as_text(drawing: Drawing) -> str:
    """The drawing as lines: a box each, in the order in which things happen, with what it follows."""
    told = {box.key: box.key if box.kind in ("step", "when") else box.title for box in drawing.boxes}
    marks = {"start": "@", "when": "?", "step": "*", "output": "="}
    firsts = [f"{'  ' * box.level}{marks[box.kind]} {told[box.key]}" for box in drawing.boxes]
    width = max(map(len, firsts))
    lines = [drawing.name]
    for first, box in zip(firsts, drawing.boxes, strict=True):
        before = ", ".join(dict.fromkeys(told[key] for key in drawing.before(box.key)))
        follows = f"  <- {before}" if box.kind == "step" else ""
        kind = f"{box.title.partition(' ')[2].strip('()')}: " if box.kind == "step" else ""
        lines.append(f"{first:{width}}  {kind}{box.detail}{follows}")
    return "\n".join(lines) + "\n"


def as_svg(drawing: Drawing) -> str:
    """The drawing as an SVG image."""
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for box in drawing.boxes:
        row = rows.get(box.level, 0)
        rows[box.level] = row + 1
        places[box.key] = (_MARGIN + box.level * (_WIDTH + _GAP_X), 2 * _MARGIN + row * (_HEIGHT + _GAP_Y))
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(drawing.name)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#666"/></marker></defs>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 4}" font-weight="bold">{escape(drawing.name)}</text>',
    ]
    for start, end in drawing.arrows:
        (x1, y1), (x2, y2) = places[start], places[end]
        a, b, mid = (x1 + _WIDTH, y1 + _HEIGHT // 2), (x2, y2 + _HEIGHT // 2), (x1 + _WIDTH + x2) // 2
        lines.append(
            f'<path d="M{a[0]},{a[1]} C{mid},{a[1]} {mid},{b[1]} {b[0]},{b[1]}" fill="none" stroke="#666" '
            'marker-end="url(#tip)"/>'
        )
    for box in drawing.boxes:
        x, y = places[box.key]
        lines.append(
            f'<g><title>{escape(box.detail)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
            f'fill="{_COLOURS[box.kind]}" stroke="#888"/><text x="{x + 10}" y="{y + 20}" font-weight="bold">'
            f'{escape(_short(box.title))}</text><text x="{x + 10}" y="{y + 39}">{escape(_short(box.detail))}</text></g>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _starts(pipeline: Pipeline) -> Iterator[Box]:
    if pipeline.after is not None:
        how = "after" if pipeline.after.all_ else "after any"
        for index, each in enumerate(pipeline.after.named):
            yield Box(f"start_{index}", "start", how, each, 0)
    elif pipeline.schedule is not None:
        yield Box("start_0", "start", "at", f"{pipeline.schedule} ({pipeline.timezone})", 0)
    else:
        yield Box("start_0", "start", "asked for", "by hand or by the REST API", 0)


def _told(name: str, step: StepOptions) -> tuple[str, str]:
    kind, detail = step.kind, step.kind.says(step.body)
    if step.for_each is None:
        return f"{name} ({kind.name})", detail
    many = f"each of {step.for_each.listing}" if step.for_each.listing else f"{len(step.for_each.items)} items"
    return f"{name} ({kind.name}, for {many})", detail


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2 - 1]}...{text[-(_LONGEST // 2 - 2) :]}"
