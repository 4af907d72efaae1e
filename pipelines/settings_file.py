"""`gouji.toml` as it is written: its tables, keys and defaults, what a single value may be, and how a problem is told.

Belongs here: reading the text, one model a table, messages for whatever pydantic or the TOML parser refuses. Does not belong
here: the tables of a source (`settings_sources.py`), what tables say about each other, finished settings (`settings.py`), where a key
stands in the text (`toml_lines.py`).
A message names file, line, key path, what is wrong and what to do; in a key path the first of several tables is number 1.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import urlsplit

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, ValidationError, create_model
from pydantic_core import ErrorDetails, PydanticCustomError

from assets.logic import text as spelling
from assets.logic.identity import valid_codes
from pipelines.toml_lines import Place, line_at
from warehouse import clock, counting, forms
from warehouse.site import SiteSettings

POWERS = ("rule_making",)


class SettingsError(Exception):
    """What is wrong with the configuration, for a clerk: one line a problem, each with its place and the remedy."""


# ---- single values: what pydantic cannot say by itself --------------------------------------------------------------------


@cache
def normal(text: str) -> str:
    """The form in which codes and local words are compared; empty for blank text."""
    return str(pl.select(spelling.key(pl.lit(text))).item() or "")


def same(words: Iterable[str]) -> dict[str, str]:
    """Words that stand for themselves, for `hint`."""
    return {w: w for w in words}


def hint(word: str, known: Mapping[str, str]) -> str:
    """What may be written instead; `known` maps every word that tells what is meant to the one to write."""
    near = get_close_matches(word, known, 1)
    return f"请改为“{known[near[0]]}”" if near else f"可以写的有：{'、'.join(w or '（空）' for w in dict.fromkeys(known.values()))}"


def wrong(message: str) -> PydanticCustomError:
    """The problem of a single value, as it is told."""
    return PydanticCustomError("gouji", "{message}", {"message": message})


def one_of(words: Iterable[str]) -> AfterValidator:
    """Refuses any other word."""
    known = same(words)

    def check(word: str) -> str:
        if word not in known:
            raise wrong(f"不能写“{word}”；{hint(word, known)}")
        return word

    return AfterValidator(check)


def distinct(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses an empty list and a word that is written twice."""
    # Not a min_length: that one also complains when the only item is wrong.
    if not words:
        raise wrong("列表是空的；请至少写一项，或删去这一行")
    if twice := [w for w in dict.fromkeys(words) if words.count(w) > 1]:
        raise wrong(f"重复写了“{'、'.join(twice)}”；请只留一个")
    return words


@cache
def is_credit_code(code: str) -> bool:
    """Whether a code in normal form is right in both check characters."""
    return bool(valid_codes(pl.Series([code])).item())


def _credit_code(text: str) -> str:
    code = normal(text)
    if not is_credit_code(code):
        raise wrong(f"“{text}”不是正确的统一社会信用代码（18 位，两个校验码都要相符）；请对照机关的统一社会信用代码证书改正")
    return code


def _years(years: tuple[int, ...]) -> tuple[int, ...]:
    if not years:
        raise wrong("列表是空的；请至少写一个年度，或删去这一行")
    for year in years:
        try:
            forms.format_of(year)
        except forms.FormError as error:
            raise wrong(f"{error}；请删去这一年度") from None
    if years != tuple(range(years[0], years[0] + len(years))):
        raise wrong("报告年度不连续；请从早到晚逐年写，如 [2022, 2023]")
    if years[-1] > (latest := clock.today().year):
        raise wrong(f"报告年度 {years[-1]} 太晚；请删去，最晚可写 {latest}")
    return years


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text))
    except ValueError:
        good = False
    if not good:  # The address may hold a secret: it is not repeated.
        raise wrong("不是网址；请写以 http:// 或 https:// 开头的完整网址，不需要时删去这一行")
    return text


def _memory(text: str) -> str:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?\s?(MB|GB|MiB|GiB)", text):
        raise wrong(f'“{text}”不是内存大小；请写数字和单位（MB、GB、MiB、GiB），如 "2GB"')
    return text


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise wrong(f'“{text}”不是钟点；请写 24 小时制的时和分，如 "02:30"')
    return text


def pattern(text: str) -> str:
    """Refuses a pattern that could leave the folder."""
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or re.match(r"[A-Za-z]:", text) or "\\" in text or ".." in parts:
        raise wrong(f'“{text}”不是来源文件夹之内的相对路径；请用 / 分隔，不用 ..，如 "requests/applications*"')
    if any("**" in part and part != "**" for part in parts):
        raise wrong(f'“{text}”中的 ** 只能单独作为一级；请改为 *，或写成 "**/名称*"')
    return text


# ---- the tables -----------------------------------------------------------------------------------------------------------

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Normal = Annotated[str, AfterValidator(normal)]
NotNegative = Annotated[StrictInt, Field(ge=0)]
Positive = Annotated[StrictInt, Field(ge=1)]


class Table(BaseModel):
    """A table of the file; a key it does not know is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PathsTable(Table):
    """`[paths]`."""

    data: Text = Field(default="var", description="数据文件夹：仓库、留存的原件、运行记录、告警都在这里；相对路径从配置文件所在文件夹算起")


class NightlyTable(Table):
    """`[nightly]`; without `years` the closed and the current year."""

    schedule: StrictBool = Field(default=False, description="是否每天自动运行；要有 gouji daemon 在运行，改后重启才生效")
    at: Annotated[str, AfterValidator(_clock)] = Field(default="02:30", description="每天自动运行的钟点（北京时间）")
    years: Annotated[tuple[StrictInt, ...], AfterValidator(_years)] | None = Field(
        default=None, description="要出的报告年度，从早到晚逐年写；不写为上一年度和本年度至今"
    )
    alert_url: Annotated[str, AfterValidator(_url)] = Field(
        default="", description="运行失败时，向这个 http(s) 地址 POST 一份 JSON；不写则只写告警文件"
    )
    rehash_days: Positive = Field(default=7, description="每隔多少天把所有文件重新算一遍摘要；平时大小和修改时间都没变的文件不再打开")


class LimitsTable(Table):
    """`[limits]`."""

    memory: Annotated[str, AfterValidator(_memory)] = Field(
        default="2GB", description="DuckDB 可用的内存，单位 MB、GB、MiB 或 GiB；超出时写临时文件。读文件和清洗另需内存"
    )
    threads: Positive = Field(default=2, description="DuckDB 使用的线程数")
    file_mb: Positive = Field(default=300, description="单个文件的上限（MiB），超过的整份退回；访问日志不受此限")


class AgencyTable(Table):
    """One `[[agencies]]`."""

    name: Text = Field(description="机关全称，印在报告的标题里；按名称辨认记录时也用它")
    code: Annotated[Text, AfterValidator(_credit_code)] = Field(
        description="统一社会信用代码，两个校验码都要正确；决定一条记录是不是本机关的"
    )
    parent: Normal = Field(default="", description="上级机关的统一社会信用代码，也要写成一段 [[agencies]]；目前只检查，不影响统计")
    aliases: tuple[Text, ...] = Field(default=(), description="其他名称（曾用名、简称）；发布机构、制定机关写成这些名称时也算本机关")
    powers: tuple[Annotated[str, one_of(POWERS)], ...] = Field(
        default=(), description="职权，可写 rule_making（有规章制定权）；目前只检查，不影响统计"
    )


class SiteTable(Table):
    """`[site]`; limits of the rules about the web site, 0 for none."""

    channel_days: dict[str, NotNegative] = Field(default={}, description="栏目全名 → 多少天没有更新就提醒；0 为不判")
    word_days: dict[str, NotNegative] = Field(
        default=dict(SiteSettings().word_days), description="栏目名中的字样 → 多少天；几个字样都有时取最短的。默认按国办秘函〔2019〕19号"
    )
    other_channel_days: NotNegative = Field(default=365, description="其他栏目多少天没有更新就提醒；0 为不判")
    unfetched_days: NotNegative = Field(default=30, description="发布多少天后仍没有人打开过就提醒；0 为不判")


@cache
def counting_table() -> type[Table]:
    """`[counting]`, made from what `warehouse.counting` says of each setting."""
    fields: dict[str, Any] = {}
    for s in counting.settings().values():
        one: Any = Annotated[str, one_of(v for v in s.values if isinstance(v, str))]
        many: Any = Annotated[tuple[one, ...], AfterValidator(distinct)]
        fields[s.name] = ({"list": many, "choice": one, "bool": StrictBool}[s.kind], Field(default=s.default, description=s.zh))
    return create_model("CountingTable", __base__=Table, **fields)


# ---- problems and their messages ------------------------------------------------------------------------------------------

_M = TypeVar("_M", bound=Table)
_SHAPES = {
    "missing": "缺少这一项；请补上",
    "string_type": "应为文字；请写在一对英文双引号中",
    "int_type": "应为整数；请直接写数字，不加引号",
    "bool_type": "应为 true 或 false；请直接写，不加引号",
    "tuple_type": "应为列表；请写在英文方括号中，各项以英文逗号分开",
    "dict_type": "应为一组“名称 = 值”；请写成一张表，或写在花括号中",
    "model_type": "应为一张表；请把名称写在方括号中单独一行，设置逐行写在下面",
    "greater_than_equal": "太小；请写不小于 {ge} 的数",
    "string_too_short": "不能为空；请填写",
}
_SYNTAX = {
    "Invalid statement|Invalid initial": "名称读不出；请把含中文或符号的名称写在一对英文双引号中",
    "Expected '='": "名称后面没有英文等号；请写成 名称 = 值",
    "Expected newline": "值的后面还有多余的内容；请一行只写一个设置，文字写在一对英文双引号中",
    "Expected ']": "方括号没有配对；请写成 [名称] 或 [[名称]]",
    "Cannot|Duplicate": "与前面写过的重复或冲突；请合并成一处",
    "Unclosed array": "列表没有写完；请用英文逗号分开各项，以 ] 结束",
    "Unclosed inline": "花括号没有写完；请用英文逗号分开各项，以 } 结束",
    "Unescaped|Invalid hex|Escaped": "双引号中的反斜杠另有含义；路径请改用 /，或改用一对英文单引号",
    "Unterminated|Illegal|Found invalid|Expected": "引号没有配对，或有看不见的控制字符；请在本行补齐英文引号",
    "Invalid date": "没有这个日期或时间；文字请写在一对英文双引号中",
    "Invalid value": "等号右边读不出；文字请写在一对英文双引号中，是与否请写 true 或 false",
}


class Problems:
    """What is wrong so far; reading goes on after a problem so that all are told at once."""

    def __init__(self, path: Path, lines: Mapping[Place, int]) -> None:
        self._path = path
        self._lines = lines
        self._found: list[tuple[int, str]] = []

    def add(self, place: Place, what: str) -> None:
        """Take down a problem."""
        line = line_at(self._lines, place)
        told = " ".join(what.split())  # A value may hold line breaks; a problem is one line.
        self._found.append((line or 0, f"{self._path}：{f'第 {line} 行：' if line else ''}{_shown(place)}：{told}"))

    def where(self, place: Place) -> str:
        """A place with its line, to be named in the message about another one."""
        return f"{_shown(place)}（第 {line_at(self._lines, place)} 行）"

    def table(self, model: type[_M], given: Any, place: Place) -> _M | None:
        """One table of the file; None when something in it is wrong."""
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for e in error.errors():
                self.add((*place, *e["loc"]), _told(e, model))
            return None

    def tables(self, model: type[_M], given: Any, name: str, *, needed: bool = True) -> list[tuple[Place, _M]]:
        """The good tables of an array of tables, with their places; one that is `needed` has at least one."""
        if not isinstance(given, list):
            self.add((name,), f"应写成双层方括号的 [[{name}]]，每个一段；请改正")
            return []
        if needed and not given:
            self.add((name,), f"一个也没有；请至少写一段 [[{name}]]")
        found = [((name, i), self.table(model, table, (name, i))) for i, table in enumerate(given)]
        return [(place, table) for place, table in found if table is not None]

    def end(self) -> None:
        """Go on only if nothing was wrong.

        Raises:
            SettingsError: all problems, in the order of their lines.
        """
        if self._found:
            raise SettingsError("\n".join(message for _, message in sorted(self._found, key=lambda f: f[0])))


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The problem of a key that does not exist."""
    return f"没有“{key}”这个设置；{hint(key, same(known))}，不需要时请删去"


def _told(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return unknown_key(str(error["loc"][-1]), _model_at(model, error["loc"]).model_fields)
    if error["type"] == "gouji":
        return error["msg"]
    kind = "dict_type" if error["type"] == "model_type" and error["loc"] else error["type"]
    return _SHAPES.get(kind, f"不合要求（{kind}）；请对照说明改正").format(**error.get("ctx", {}))


def _model_at(model: type[BaseModel], loc: Place) -> type[BaseModel]:
    """The table that holds the last key of a place: the model itself, or one that stands in it."""
    for step in (str(key) for key in loc[:-1] if isinstance(key, str)):
        annotation = model.model_fields[step].annotation
        inner = (annotation, *get_args(annotation))
        model = next((a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)), model)
    return model


def _shown(place: Place) -> str:
    """A place as a key path; a key that could be misread is quoted."""

    def step(part: str | int) -> str:
        if isinstance(part, int):
            return f"[{part + 1}]"
        return "." + (part if re.fullmatch(r"[\w-]+", part) else json.dumps(part, ensure_ascii=False))

    return "".join(map(step, place)).removeprefix(".")


def text_of(path: Path) -> str:
    """The text of the file.

    Raises:
        SettingsError: it cannot be opened or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError:
        raise SettingsError(f"{path}：打不开这个配置文件；请确认它存在、是文件，并且可以读取") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}：第 {line} 行：不是 UTF-8 编码；请用文本编辑器另存为 UTF-8") from None


def parsed(path: Path, text: str) -> dict[str, Any]:
    """The text as TOML.

    Raises:
        SettingsError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+), column", str(error))
        # A quotation mark that is never closed is noticed at the end only; the last one of the text is the one.
        is_open = not at and re.match("Unterminated|Expected", str(error))
        line = int(at[1]) if at else text.count("\n", 0, max(map(text.rfind, "'\"")) if is_open else len(text.rstrip())) + 1
        what = next((zh for start, zh in _SYNTAX.items() if re.match(start, str(error))), "不合 TOML 的写法；请对照前后各行改正")
        wide = "".join(dict.fromkeys(re.findall("[“”‘’＂＝，［］｛｝]", text.split("\n")[line - 1])))
        raise SettingsError(f"{path}：第 {line} 行：{what}" + (f"（本行有全角符号 {wide}，请看是否应为半角）" if wide else "")) from None
