"""The tables as JSON: table → row → column → number, the shape that programs compare.

Belongs here: that shape. Does not belong here: labels and layout. Amounts are decimal strings, because a JSON number is a
binary float to most readers; counts are integers; the unknown is null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from warehouse.export.figures import Values, figures
from warehouse.forms import Form


def render(form: Form, values: Values, extra: Mapping[str, Any] | None = None) -> str:
    """JSON text of the tables, `extra` keys first; equal input gives equal text."""
    out: dict[str, Any] = dict(extra or {})
    if clash := out.keys() & {g.key for g in form.grids}:
        raise ValueError(f"附加项与表名重复：{sorted(clash)}")
    for cell_id, digits in figures(form, values).items():
        *path, last = cell_id.split(".")
        node = out
        for step in path:
            node = node.setdefault(step, {})
        node[last] = digits if digits is None or form.cells[cell_id].kind == "decimal" else int(digits)
    return json.dumps(out, ensure_ascii=False, indent=1) + "\n"
