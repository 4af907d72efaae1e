"""The generated pages: what dictionary, rules and configuration say of themselves, as Markdown for readers of Chinese.

    python -m pipelines.docs            writes docs/*.zh-CN.md
    python -m pipelines.docs --check    writes nothing; exits 1 and names the pages that are stale

Belongs here: the order of a page, its tables. Does not belong here: the example configuration (`example.toml`), the meaning of a column
(`warehouse.tables`), rule (`warehouse/counting.toml`, `expectations.catalogue`), cell (`warehouse.forms`) or key (`settings_file`,
`settings_sources`, `settings_facts`).
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from assets.logic.vocabulary import fixed
from expectations import catalogue
from pipelines import settings_facts as facts
from pipelines import settings_file as keys
from pipelines import settings_sources as ways
from warehouse import audit, counting, forms, tables, views
from warehouse.forms import Cell, Grid
from warehouse.model import TYPES, Table
from warehouse.subjects import ACCESS_LOG, ACCESS_LOG_PATTERN, SOURCE_ZH, SUBJECTS, Field, Subject

FOLDER = Path(__file__).resolve().parent.parent / "docs"
FORM = "2021"
_NOTE = "<!-- 由 python -m pipelines.docs 生成，不要手改：请改它所取自的代码，再运行 make docs。 -->"
_STATUS = {"official": "表样或法规明文", "local": "地方通知", "practice": "通行做法", "inference": "推断"}
_SEVERITY = {"critical": "严重（不得发布）", "warning": "提醒", "info": "说明"}
_SCOPE = {"row": "一行", "file": "一个文件", "source": "一个来源", "table": "统计出的表", "report": "报告"}
_TYPE = {"text": "文字", "date": "日期", "instant": "时刻", "integer": "整数", "boolean": "是否", "amount": "数量"}
_KIND = {
    "text": "文字", "key": "编号", "uscc": "信用代码", "category": "类别", "number": "数字",
    "date": "日期", "instant": "时刻", "free": "自由文本",
}  # fmt: skip
_LAYERS = {
    "raw": "raw：落地的原文（受限）",
    "core": "core：清洗后的记录",
    "report": "report：统计、版本、依据和发现",
    "audit": "audit：审计库中的视图（`exports/audit/current.duckdb`）",
}
_RESTRICTED = (
    "**受限的一层。** 个人信息和自由文本只在这里，不进入 core 和 report，只给因职责要核对原文的人读取。"
    "目前三层在同一个文件里，能读这个文件的人也能读 raw：请用文件权限限制，提供给别人时只导出 core 和 report。"
)
# Table of gouji.toml → its model and how it is headed; an array of tables in double brackets.
MODELS: Mapping[str, tuple[str, Callable[[], type[keys.Table]]]] = {
    "paths": ("[paths]", lambda: keys.PathsTable),
    "nightly": ("[nightly]", lambda: keys.NightlyTable),
    "limits": ("[limits]", lambda: keys.LimitsTable),
    "counting": ("[counting]", keys.counting_table),
    "site": ("[site]", lambda: keys.SiteTable),
    "agencies": ("[[agencies]]", lambda: keys.AgencyTable),
    "sources": ("[[sources]]", lambda: ways.SourceTable),
    "sources.inbox": ("[sources.inbox]", lambda: ways.InboxTable),
    "sources.rest": ("[sources.rest]", lambda: ways.RestTable),
    "sources.rest.names": ("[sources.rest.names]", lambda: ways.NamesTable),
    "sources.database": ("[sources.database]", lambda: ways.DatabaseTable),
    "ignore": ("[[ignore]]", lambda: facts.IgnoreTable),
    "published": ("[[published]]", lambda: facts.PublishedTable),
    "claims": ("[[claims]]", lambda: facts.ClaimTable),
}
EXAMPLE = files("pipelines").joinpath("example.toml").read_text("utf-8")


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """A Markdown table; a bar or a line break inside a cell does not break it."""
    names = list(headings)
    body = [[str(v).replace("|", "\\|").replace("\n", " ") for v in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (names, ["---"] * len(names), *body)] + [""]


def code(*words: str) -> str:
    """Words as code, with commas between them."""
    return "、".join(f"`{w}`" for w in words)


def _page(title: str, *parts: Iterable[str]) -> str:
    lines = [f"# {title}", "", _NOTE, "", *(line for part in parts for line in part)]
    return "\n".join(lines).rstrip() + "\n"


# ---- the dictionary -------------------------------------------------------------------------------------------------------


def dictionary() -> str:
    """Every table and view with its columns."""
    every = [t for part in (tables.TABLES, tables.VIEWS, audit.TABLES, audit.VIEWS) for t in part.values()]
    kinds = table(["写法", "含义", "DuckDB 类型"], [(f"`{name}`", _TYPE[name], f"`{duck}`") for name, (duck, _) in TYPES.items()])
    intro = [
        "仓库是一个 DuckDB 文件：数据文件夹中的 `gouji.duckdb`。表的每一栏在库里也有同样的中文注释，可以用 `FROM duckdb_columns()` 查看。"
        "访问日志的明细是旁边 `hits` 文件夹中的 Parquet 文件，通过视图 `raw.access_log` 读取。", "",
        "时刻一律存为北京时间的钟面时间，不带时区。编号（键）没有建成数据库主键，由作业核对。粒度（grain）一行是英文原文。", "",
    ]  # fmt: skip
    index = [f"- [{t.full_name}](#{_anchor(t)})：{t.zh}" for layer in _LAYERS for t in every if t.layer == layer]
    parts: list[list[str]] = [intro, kinds, ["## 目录", "", *index, ""]]
    for layer in _LAYERS:
        parts.append([f"## {_LAYERS[layer]}", "", *([_RESTRICTED, ""] if layer == "raw" else [])])
        parts += [_described(t) for t in every if t.layer == layer]
    judged = [(f"`{name}`", zh) for name, (zh, _) in views.definitions().items() if name.startswith("report.judged_")]
    what = "每类记录一个：现行的记录在各报告年度的去处、规则、计数条件、类别和数量。台账和依据都由此而来。"
    parts.append(["### 逐年判定的视图", "", what, "", *table(["视图", "含义"], judged)])
    return _page("数据字典", *parts)


def _anchor(t: Table) -> str:
    return t.full_name.replace(".", "").lower()


def _described(t: Table) -> list[str]:
    is_view = t.full_name in {**tables.VIEWS, **audit.VIEWS}
    rows = [(f"`{c.name}`", f"`{c.type}`", c.zh, c.unit or "", "是" if c.pii else "") for c in t.columns]
    return [
        f"### {t.full_name}", "", f"{t.zh}。{'视图，由其他表算出。' if is_view else ''}", "",
        f"- 一行是：{t.grain}", f"- 键：{code(*t.key)}", "", *table(["栏目", "类型", "含义", "单位", "个人信息"], rows),
    ]  # fmt: skip


# ---- the rules ------------------------------------------------------------------------------------------------------------


def rules() -> str:
    """Places and their rules, what makes a record count, settings, rules of the findings, cells of the form."""
    return _page("规则：去处、计数、设置、核查", _places(), _marks(), _settings(), _findings(), _cells())


def _places() -> list[str]:
    placed = [
        (f"`{r.id}`", counting.places()[r.place].partition("：")[0], "全部" if set(r.subjects) >= set(SOURCE_ZH) else _subjects(r.subjects),
         r.zh, r.law, _STATUS[r.status]) for r in counting.rules().values()
    ]  # fmt: skip
    return [
        "本页列出作业采用的全部规则，逐条注明依据；标“推断”的，没有见到明文规定。判定的先后次序见[数据约定](contracts.zh-CN.md)。", "",
        "## 一、去处", "", "每一落地行在每份报告中恰有一个去处：", "",
        *table(["去处", "含义"], [(f"`{name}`", zh) for name, zh in counting.places().items()]),
        "## 二、去处的规则", "", *table(["规则", "去处", "适用", "含义", "依据", "性质"], placed),
    ]  # fmt: skip


def _subjects(names: Iterable[str]) -> str:
    return "、".join(SOURCE_ZH[n] for n in names)


def _marks() -> list[str]:
    rows = [(SOURCE_ZH[subject], f"`{mark}`", r.zh, r.law, _STATUS[r.status]) for (subject, mark), r in counting.marks().items()]
    return [
        "## 三、计数条件", "",
        "单元格统计满足条件的记录。总计有自己的条件，不由各项相加，所以能用来核对。`leaf` 代表表三的每一种办理结果。", "",
        *table(["数据", "条件", "含义", "依据", "性质"], rows),
    ]  # fmt: skip


def _settings() -> list[str]:
    rows = [(f"`{s.name}`", s.zh, code(*map(toml, s.values)), f"`{toml(s.default)}`", s.law) for s in counting.settings().values()]
    return [
        "## 四、设置", "", "法律没有说明的口径，由机关在 `gouji.toml` 的 `[counting]` 中决定；不写即为默认。", "",
        *table(["设置", "含义", "可写的值", "默认", "依据"], rows),
    ]  # fmt: skip


def _findings() -> list[str]:
    lines = [
        "## 五、核查规则", "", "有严重的发现时，`gouji run` 的退出码为 3。说明中花括号里的词，运行时换成文件、行、编号、字段、内容等。", "",
    ]  # fmt: skip
    for r in catalogue.rules().values():
        lasting = f"，至 {r.effective_to}" if r.effective_to else ""
        lines += [
            f"### {r.title}（`{r.id}`）", "",
            f"- 程度：{_SEVERITY[r.severity]}；对象：{_SCOPE[r.scope]}",
            f"- 依据：{r.law}（{_STATUS[r.status]}）；自 {r.effective_from} 起{lasting}",
            f"- 说明：{r.message}", f"- 处理：{r.remedy}", f"- 正确的例子：{r.good}", f"- 错误的例子：{r.bad}", "",
        ]  # fmt: skip
    return lines


def _cells() -> list[str]:
    form = forms.load(FORM)
    lines = [
        f"## 六、表样（{form.document}，{FORM} 年度起）", "",
        f"{len(form.cells)} 个单元格。记录属于该类数据、满足条件、且类别相符（* 为不限）时计入。", "",
    ]  # fmt: skip
    for grid in form.grids:
        lines += [f"### {grid.name}：{grid.title}", "", *(_crossed(grid) if _is_crossed(grid) else _listed(grid))]
    return lines


def _is_crossed(grid: Grid) -> bool:
    """Whether every row has every column, so that rows × columns say it all."""
    rows, cols = {c.row_key for c in grid.cells}, {c.col_key for c in grid.cells}
    return len(rows) * len(cols) == len(grid.cells)


def _listed(grid: Grid) -> list[str]:
    rows = [(f"`{c.id}`", " · ".join((*c.row_path, *c.col_path)), _counted(c), code(c.class_), c.unit, c.law) for c in grid.cells]
    return table(["单元格", "名称", "计什么", "类别", "单位", "依据"], rows)


def _counted(c: Cell) -> str:
    return f"{SOURCE_ZH[c.subject]}：{code(*c.marks)}" if c.marks else "没有可计的记录"


def _crossed(grid: Grid) -> list[str]:
    """One table of rows and one of columns; a cell's id is made of the two. Marks and class go with the row or the column."""
    rows = {c.row_key: c for c in grid.cells}
    cols = {c.col_key: c for c in grid.cells}
    by_row = all(c.marks == rows[c.row_key].marks for c in grid.cells)
    first, last = ("条件", "类别") if by_row else ("类别", "条件")

    def said(c: Cell, what: str) -> str:
        return code(*c.marks) if what == "条件" else code(c.class_)

    return [
        f"单元格编号为 `{grid.key}.<行>.<列>`，计的是{SOURCE_ZH[grid.cells[0].subject]}；{len(rows)} 行 × {len(cols)} 列。", "",
        *table(["行", "名称", first, "依据"], [(f"`{k}`", " · ".join(c.row_path), said(c, first), c.law) for k, c in rows.items()]),
        *table(["列", "名称", last], [(f"`{k}`", " · ".join(c.col_path), said(c, last)) for k, c in cols.items()]),
    ]  # fmt: skip


# ---- the configuration ----------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Every key of gouji.toml, an example, and how local files, columns and words are told."""
    return _page("配置：gouji.toml", _keys(), _example(), _files(), _local())


def toml(value: object) -> str:
    """A value as it is written in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml(k)} = {toml(v)}' for k, v in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _keys() -> list[str]:
    lines = [
        "配置是一个 UTF-8 文本文件，至少要有一个机关和一个来源。用 `--config` 指明；不指明时看环境变量 `GOUJI_CONFIG`，"
        "再看当前文件夹中的 `gouji.toml`。写错的键、值和引用会连同行号和改法一起报出，退出码为 2。", "",
        "## 一、全部的键", "",
    ]  # fmt: skip
    for heading, model in MODELS.values():
        lines += [f"### {heading}", "", *table(["键", "类型", "默认", "含义"], [_key(n, f) for n, f in model().model_fields.items()])]
    return lines


def _key(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    if not field.description:
        raise ValueError(f"the key {name} of gouji.toml has no description")
    default = "**必填**" if field.is_required() else "不写" if field.default is None else f"`{toml(field.default)}`"
    return f"`{name}`", _written(field.annotation), default, field.description


def _written(annotation: Any) -> str:
    """How a value of this type is written."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _written(inner[0])
    if origin in (Union, types.UnionType):
        return _written(next(a for a in inner if a is not type(None)))
    if origin is tuple:
        return f"{_written(inner[0])}的列表"
    if origin is dict:
        return "表"
    if isinstance(annotation, type) and issubclass(annotation, keys.Table):
        return "表"
    return {str: "文字", int: "整数", bool: "是否", Decimal: "数字", date: "日期"}[annotation]


def _example() -> list[str]:
    return ["## 二、完整的例子", "", "除必填的以外，都可以不写。", "", "```toml", *EXAMPLE.splitlines(), "```", ""]


def _files() -> list[str]:
    lines = [
        "## 三、文件和栏目", "",
        "默认的文件名样式从来源的 `path` 算起；可以是 .xlsx、.xls、.csv 或 .json，后缀决定读法。栏目名写成下面的代码、名称或字段都认得，"
        "不论全角半角、大小写、空格和次序；多出的栏目原样保留，没有的栏目当作空白。没有键的栏目，文件整份退回；"
        "键或决定年度的日期空白，该行隔离。", "",
    ]  # fmt: skip
    for s in SUBJECTS.values():
        rows = [_row(f) for f in s.fields]
        lines += [
            f"### {s.name}：{s.zh}", "",
            f"默认样式 `{s.pattern}`；键：{_named(s, s.key)}；决定年度：{_named(s, (s.decided_by,))}。", "",
            *table(["字段", "代码", "栏目名", "种类", "只留在 raw"], rows),
        ]  # fmt: skip
    return [
        *lines, f"### {ACCESS_LOG}：{SOURCE_ZH[ACCESS_LOG]}", "",
        f"默认样式 `{ACCESS_LOG_PATTERN}`；nginx 或 Apache 自己写的日志（combined、common 或 JSON 行，combined 之后可有其他字段；"
        "可以是 .gz），没有栏目可以配置。", "",
    ]  # fmt: skip


def _row(f: Field) -> tuple[str, str, str, str, str]:
    return f"`{f.name}`", "" if f.code == f.name else f"`{f.code}`", f.zh, _KIND[f.kind], "" if tables.in_core(f) else "是"


def _named(s: Subject, names: Iterable[str]) -> str:
    return "、".join(f"{s.by_name[n].zh}（`{n}`）" for n in names)


def _local() -> list[str]:
    rows = [(f"`{s.name}.{name}`", s.by_name[name].zh, _allowed(s.name, name)) for s in SUBJECTS.values() for name in s.of_kind("category")]
    leaves = forms.load(FORM).leaves
    return [
        "## 四、本单位的栏目名和说法", "",
        "- `[sources.columns.<数据>]`：左边是本单位文件的栏目名，右边是上面的字段或代码。同一文件里配置的栏目名优先于认得的栏目名。",
        "- `[sources.values.<数据>.<字段>]`：左边是原文，右边是标准的取值。办理结果先认表样上的名称，再看这里；其他字段先看这里。",
        "- 比较时不论全角半角、大小写和空格，各种方括号都当作〔〕；含中文或符号的名称要写在一对英文双引号中。",
        "- 同一机关的同一说法只能有一个意思，无论写在哪个来源下。",
        "- 改了栏目名，留存的原件会重读；改了说法，落地的行会重新清洗。都不需要重新交文件。", "",
        "只有类别一种的字段可以配置说法：", "", *table(["字段", "栏目名", "标准的取值"], rows),
        "办理结果的取值（表三的行，也可以直接写表样上的名称）：", "",
        *table(["取值", "表样上的名称"], [(f"`{k}`", v) for k, v in leaves.items()]),
    ]  # fmt: skip


def _allowed(subject: str, name: str) -> str:
    """The values of a field that local words may stand for."""
    words = fixed()
    match subject, name:
        case "applications", "outcome":
            return "见下表"
        case "applications", "applicant_kind":
            return code(*words["applicant_kind"], words["derive"]["kind"])
        case "disputes", "result":
            cells = forms.load(FORM).cells.values()
            named = {c.col_key: c.col_path[-1] for c in cells if c.subject == subject and c.col_key in words["dispute_result"].values()}
            return "、".join(f"`{key}`（{zh}）" for key, zh in named.items())
    codes = words["codes"].get(subject, {}).get(name)
    return code(*codes["values"]) if codes else "不限"


PAGES: Mapping[str, Callable[[], str]] = {
    "dictionary.zh-CN.md": dictionary,
    "rules.zh-CN.md": rules,
    "configuration.zh-CN.md": configuration,
}


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the pages in a folder that are missing or not what the code says."""
    return [name for name, page in PAGES.items() if not (folder / name).is_file() or (folder / name).read_text("utf-8") != page()]


def main(arguments: list[str]) -> int:
    """Write the stale pages, or with `--check` only name them; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m pipelines.docs [--check]", file=sys.stderr)
        return 2
    found = stale()
    for name in found:
        if arguments:
            print(f"stale: docs/{name}; run make docs", file=sys.stderr)
        else:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / name).write_text(PAGES[name](), "utf-8")
            print(f"written: docs/{name}")
    return 1 if arguments and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
