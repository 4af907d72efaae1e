"""The tables as one static HTML page in the official layout: opens anywhere, offline, and prints on A4.

Belongs here: markup and print style. Does not belong here: values' digits (`figures`) or the layout itself (`forms`).
Every number's cell carries `data-cell`, its cell id, so that the page can be read back and linked to.
"""

from __future__ import annotations

from html import escape

from warehouse.export.figures import UNKNOWN, UNKNOWN_NOTE, Values, figures
from warehouse.export.heading import DRAFT, Heading
from warehouse.forms import Box, Cell, Form, Grid

_STYLE = """
@page { margin: 14mm 12mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px; max-width: 1000px; color: #111; background: #fff;
  font: 14px/1.5 "Songti SC", SimSun, 宋体, "Noto Serif CJK SC", "Source Han Serif SC", serif; }
h1, h2, th, .facts, .draft { font-family: "PingFang SC", "Microsoft YaHei", 微软雅黑, SimHei, 黑体, "Noto Sans CJK SC", sans-serif; }
h1 { margin: 0 0 6px; font-size: 21px; text-align: center; }
h2 { margin: 28px 0 8px; font-size: 16px; break-after: avoid; }
.facts { margin: 0; color: #444; font-size: 12px; text-align: center; }
.facts span { display: inline-block; margin: 0 .7em; }
.draft { margin: 10px 0; padding: 6px; border: 2px solid #b00; color: #b00; font-weight: bold; text-align: center; }
.note { margin: 12px 0 0; font-size: 12px; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: 5px 6px; border: 1px solid #333; text-align: center; vertical-align: middle; overflow-wrap: anywhere; }
th { background: #f2f2f0; font-weight: 600; }
th[scope=row] { background: none; font: inherit; text-align: left; }
th[scope=rowgroup] { background: none; font: inherit; }
td { font-variant-numeric: tabular-nums; }
tr { break-inside: avoid; }
#table2 { font-size: 14px; }
#table3, #table4 { font-size: 13px; }
#table4 th, #table4 td { padding: 5px 2px; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  th { background: none; }
  #table3-title { break-before: page; margin-top: 0; }
  #table3, #table4 { font-size: 9pt; line-height: 1.25; }
  #table3 th, #table3 td { padding: 1.5pt 1pt; }
  #table3 th[scope=row] { padding-left: 3pt; }
  #table4 { break-inside: avoid; }
  #table4 th, #table4 td { padding: 3pt 0; font-size: 8pt; }
}
"""
# Relative widths of the columns; a grid not named here has equal ones.
_WIDTHS = {"table2": (31, 23, 23, 23), "table3": (6, 14, 28.2, 7.4, 7.4, 7.4, 7.4, 7.4, 7.4, 7.4)}


def render(form: Form, heading: Heading, values: Values) -> str:
    """The page."""
    shown = figures(form, values)
    facts = "".join(f"<span>{escape(fact)}</span>" for fact in heading.facts(form))
    title = escape(heading.title(form))
    body = [f"<h1>{title}</h1>", f'<p class="facts">{facts}</p>']
    if heading.draft:
        body.append(f'<p class="draft">{DRAFT}</p>')
    for grid in form.grids:
        body += [f'<h2 id="{grid.key}-title">{escape(grid.title)}</h2>', _table(grid, form, shown)]
    if None in shown.values():
        body.append(f'<p class="note">{UNKNOWN_NOTE}</p>')
    return _page(title, "\n".join(body))


def _page(title: str, body: str) -> str:
    # The policy keeps the promise that the page loads nothing, whatever a name in it contains.
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _table(grid: Grid, form: Form, shown: dict[str, str | None]) -> str:
    widths = _WIDTHS.get(grid.key, ())
    columns = "".join(f'<col style="width:{w}%">' for w in widths)
    rows = ["<tr>" + "".join(_box(b, form, shown) for b in row) + "</tr>" for row in grid.rows()]
    start = f'<table id="{grid.key}" aria-labelledby="{grid.key}-title">'
    return "\n".join([start, *([f"<colgroup>{columns}</colgroup>"] if columns else []), *rows, "</table>"])


def _box(box: Box, form: Form, shown: dict[str, str | None]) -> str:
    span = (f' rowspan="{box.rowspan}"' if box.rowspan > 1 else "") + (f' colspan="{box.colspan}"' if box.colspan > 1 else "")
    if box.cell_id is None:
        return f"<th{span}{_scope(box)}>{escape(box.text)}</th>"
    return f"<td{span} {_about(form.cells[box.cell_id])}>{shown[box.cell_id] or UNKNOWN}</td>"


def _scope(box: Box) -> str:
    if box.head:
        return ""
    return ' scope="rowgroup"' if box.rowspan > 1 else ' scope="row"'


def _about(cell: Cell) -> str:
    return f'data-cell="{escape(cell.id)}" title="{escape(cell.label)}（{escape(cell.law)}）"'
