"""The configuration, checked and complete: agencies, sources, limits and counting settings as frozen objects.

Belongs here: finding `gouji.toml`, what its tables say about each other, the finished settings. Does not belong here: keys,
defaults and single values (`settings_file.py`, `settings_sources.py`), what a clerk states beside the sources (`settings_facts.py`),
whether folders exist and what stands in them (findings of a run), what a setting does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from assets.logic.vocabulary import fixed
from pipelines import settings_facts as facts
from pipelines.settings_file import (
    AgencyTable,
    LimitsTable,
    NightlyTable,
    PathsTable,
    Problems,
    SettingsError,
    SiteTable,
    counting_table,
    hint,
    is_credit_code,
    normal,
    parsed,
    same,
    text_of,
    unknown_key,
)
from pipelines.settings_sources import DatabaseTable, InboxTable, RestTable, SourceTable, wrong_way
from pipelines.toml_lines import Place, lines_of
from warehouse import forms
from warehouse.site import SiteSettings
from warehouse.subjects import ACCESS_LOG, ACCESS_LOG_PATTERN, SOURCES, SUBJECTS

__all__ = ["NAME", "VARIABLE", "Agency", "Settings", "SettingsError", "Source", "load", "locate"]

VARIABLE = "GOUJI_CONFIG"
NAME = "gouji.toml"
_TABLES = ("paths", "nightly", "limits", "counting", "site", "agencies", "sources", "ignore", "published", "claims")
_HOW = f"""请新建 UTF-8 编码的文本文件 {NAME}，至少写明一个机关和一个来源：

[[agencies]]
name = "机关全称"
code = "统一社会信用代码"

[[sources]]
name = "来源名称"
agency = "机关的统一社会信用代码"
path = "存放数据文件的文件夹"

文件在别处时，请用 --config 或环境变量 {VARIABLE} 指明。"""


@dataclass(frozen=True, slots=True)
class Agency:
    """An organ that reports. `code` is its credit code in normal form, `parent` that of the organ above it."""

    name: str
    code: str
    parent: str | None
    aliases: tuple[str, ...]
    powers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from: a folder (`path`) or one of the other ways, as written.

    `files` has the patterns of every subject; `columns` and `values` only what is configured.
    """

    name: str
    agency: str
    path: Path | None
    inbox: InboxTable | None = field(hash=False)
    rest: RestTable | None = field(hash=False)
    database: DatabaseTable | None = field(hash=False)
    subjects: tuple[str, ...]
    full_export: tuple[str, ...]
    full_days: int
    overlap_hours: int
    fresh_hours: int
    files: Mapping[str, tuple[str, ...]] = field(hash=False)
    columns: Mapping[str, Mapping[str, str]] = field(hash=False)
    values: Mapping[str, Mapping[str, Mapping[str, str]]] = field(hash=False)

    @property
    def kind(self) -> str:
        """How it is reached, as `raw.loads` calls it: files, inbox, rest or database."""
        return next((name for name in ("inbox", "rest", "database") if getattr(self, name)), "files")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, every default filled in and every path absolute.

    `ignored`, `given` and `claims` are rows of `report.ignored`, `report.given_figures` and `report.claims`.
    """

    file: Path
    data: Path
    schedule: bool
    at: str
    years: tuple[int, ...] | None
    alert_url: str | None
    rehash_days: int
    memory: str
    threads: int
    file_bytes: int
    counting: Mapping[str, str | bool | tuple[str, ...]] = field(hash=False)
    site: SiteSettings = field(hash=False)
    agencies: tuple[Agency, ...]
    sources: tuple[Source, ...]
    ignored: tuple[facts.Ignored, ...]
    given: tuple[facts.Given, ...]
    claims: tuple[facts.Claim, ...]

    def report_years(self, today: date) -> tuple[int, ...]:
        """The report years to produce: the configured ones, or the closed year and the current year."""
        return self.years or (today.year - 1, today.year)

    def counting_rows(self) -> list[tuple[str, str]]:
        """Rows of `report.settings`: name and value, a list joined by commas."""
        return [(name, _stored(value)) for name, value in self.counting.items()]

    def vocabulary_rows(self) -> list[tuple[str, str, str, str, str]]:
        """Local words of every agency: agency, subject, field, text as configured, value."""
        return list(dict.fromkeys((s.agency, *word) for s in self.sources for word in _words(s.values)))


def locate(option: Path | None) -> Path:
    """The configuration file: the option, else the environment variable, else the one in the working folder.

    Raises:
        SettingsError: there is no such file; says how to make one.
    """
    path = option or Path(os.environ.get(VARIABLE) or NAME)
    if not path.is_file():
        raise SettingsError(f"{path}：没有这个配置文件。{_HOW}")
    return path


def load(path: Path) -> Settings:
    """The configuration in a file.

    Raises:
        SettingsError: the file cannot be read, or something in it is wrong; names everything that is.
    """
    text = text_of(path)
    raw = parsed(path, text)
    problems = Problems(path, lines_of(text))
    for key in [k for k in raw if k not in _TABLES]:
        problems.add((key,), unknown_key(key, _TABLES))
    paths = problems.table(PathsTable, raw.get("paths", {}), ("paths",)) or PathsTable()
    nightly = problems.table(NightlyTable, raw.get("nightly", {}), ("nightly",)) or NightlyTable()
    limits = problems.table(LimitsTable, raw.get("limits", {}), ("limits",)) or LimitsTable()
    counting = problems.table(counting_table(), raw.get("counting", {}), ("counting",)) or counting_table()()
    site = problems.table(SiteTable, raw.get("site", {}), ("site",)) or SiteTable()
    agencies = problems.tables(AgencyTable, raw.get("agencies", []), "agencies")
    sources = problems.tables(SourceTable, raw.get("sources", []), "sources")
    ignored = problems.tables(facts.IgnoreTable, raw.get("ignore", []), "ignore", needed=False)
    published = problems.tables(facts.PublishedTable, raw.get("published", []), "published", needed=False)
    claims = problems.tables(facts.ClaimTable, raw.get("claims", []), "claims", needed=False)
    _check_agencies(problems, agencies, _codes(raw))
    _check_sources(problems, sources, _codes(raw))
    for place, agency in [*((p, t.agency) for p, t in published), *((p, t.agency) for p, t in claims)]:
        _check_known(problems, (*place, "agency"), agency, _codes(raw))
    facts.check(problems, ignored, published, claims)
    problems.end()
    file = path.absolute()
    return Settings(
        file=file,
        data=(file.parent / paths.data).resolve(),
        schedule=nightly.schedule,
        at=nightly.at,
        years=nightly.years,
        alert_url=nightly.alert_url or None,
        rehash_days=nightly.rehash_days,
        memory=limits.memory,
        threads=limits.threads,
        file_bytes=limits.file_mb * 1024 * 1024,
        counting=counting.model_dump(),
        site=SiteSettings(**site.model_dump()),
        agencies=tuple(Agency(a.name, a.code, a.parent or None, a.aliases, a.powers) for _, a in agencies),
        sources=tuple(_source(file.parent, s) for _, s in sources),
        ignored=facts.ignored_rows(t for _, t in ignored),
        given=facts.given_rows(t for _, t in published),
        claims=facts.claim_rows(t for _, t in claims),
    )


def _source(folder: Path, table: SourceTable) -> Source:
    files = {s: table.files.get(s) or (SUBJECTS[s].pattern if s in SUBJECTS else ACCESS_LOG_PATTERN,) for s in table.subjects}
    same = (
        "name",
        "agency",
        "inbox",
        "rest",
        "database",
        "subjects",
        "full_export",
        "full_days",
        "overlap_hours",
        "fresh_hours",
        "columns",
        "values",
    )
    path = Path(os.path.realpath(folder / table.path)) if table.path else None  # not resolve(): it raises for a loop of links
    return Source(path=path, files=files, **{name: getattr(table, name) for name in same})


def _stored(value: str | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ",".join(value)


def _words(values: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[tuple[str, str, str, str]]:
    """Local words as (subject, field, text, value)."""
    by_field = ((subject, name, words) for subject, fields in values.items() for name, words in fields.items())
    return ((subject, name, text, value) for subject, name, words in by_field for text, value in words.items())


# ---- what tables say about each other -------------------------------------------------------------------------------------


def _codes(raw: Mapping[str, Any]) -> dict[str, str]:
    """Codes of all agencies as written, right or wrong: a wrong one is not told again wherever it is mentioned."""
    given = raw.get("agencies")
    tables = given if isinstance(given, list) else []
    return same(normal(str(t["code"])) for t in tables if isinstance(t, dict) and "code" in t)


def _check_unique(problems: Problems, tables: Iterable[tuple[Place, Any]], key: str) -> None:
    seen: dict[str, Place] = {}
    for place, table in tables:
        first = seen.setdefault(normal(getattr(table, key)), (*place, key))
        if first != (*place, key):
            problems.add((*place, key), f"与 {problems.where(first)}相同；请改成不同的，或删去重复的一段")


def _check_known(problems: Problems, place: Place, code: str, codes: Mapping[str, str]) -> None:
    if codes and code not in codes:
        right = same(c for c in codes if is_credit_code(c))
        near = f"；代码写错时，{hint(code, right)}" if right else ""
        problems.add(place, f"没有代码为“{code}”的机关；请补写 [[agencies]]{near}")


def _check_agencies(problems: Problems, agencies: list[tuple[Place, AgencyTable]], codes: Mapping[str, str]) -> None:
    _check_unique(problems, agencies, "code")
    _check_unique(problems, agencies, "name")
    parents = {a.code: a.parent for _, a in agencies}
    told: set[str] = set()
    for place, a in agencies:
        if a.parent:
            _check_known(problems, (*place, "parent"), a.parent, codes)
        chain = [a.code]
        while (up := parents.get(chain[-1], "")) and up not in chain:
            chain.append(up)
        if up == a.code and not told.intersection(chain):
            told.update(chain)
            problems.add((*place, "parent"), f"上级机关绕成一圈（{' → '.join([*chain, up])}）；请删去其中一个 parent")


def _check_sources(problems: Problems, sources: list[tuple[Place, SourceTable]], codes: Mapping[str, str]) -> None:
    _check_unique(problems, sources, "name")
    for place, s in sources:
        _check_known(problems, (*place, "agency"), s.agency, codes)
        for where, what in (*wrong_way(s), *_misplaced(s), *_wrong_columns(s), *_wrong_values(s)):
            problems.add((*place, *where), what)
    _check_conflicts(problems, sources)


_Found = Iterator[tuple[Place, str]]


def _misplaced(source: SourceTable) -> _Found:
    """Tables of a subject that does not exist, that the source does not deliver, or that has nothing to configure."""
    tables: dict[str, Iterable[str]] = {"files": source.files, "columns": source.columns, "values": source.values}
    for name, subject in ((n, s) for n, subjects in tables.items() for s in subjects):
        if subject not in SOURCES:
            yield (name, subject), f"没有“{subject}”这类数据；{hint(subject, same(SOURCES))}"
        elif subject not in source.subjects:
            yield (name, subject), f"本来源的 subjects 中没有“{subject}”；请补入 subjects，或删去这一项"
        elif subject == ACCESS_LOG and name != "files":
            yield (name, subject), "访问日志没有栏目和取值可以配置；请删去这一项"


def _wrong_columns(source: SourceTable) -> _Found:
    for subject in [s for s in source.columns if s in SUBJECTS]:
        contract, seen = SUBJECTS[subject], dict[str, str]()
        targets = {f.code: f.name for f in contract.fields} | same(contract.by_name)
        for header, target in source.columns[subject].items():
            place = ("columns", subject, header)
            if target not in targets:
                yield place, f"{contract.zh}没有字段“{target}”；{hint(target, contract.headers)}"
            elif not normal(header):
                yield place, "栏目名是空的；请填写，或删去这一行"
            elif seen.setdefault(normal(header), targets[target]) != targets[target]:
                yield place, f"同一栏目名已对应“{seen[normal(header)]}”；请只留一行"


def _wrong_values(source: SourceTable) -> _Found:
    for subject, name in [(s, name) for s, fields in source.values.items() if s in SUBJECTS for name in fields]:
        contract = SUBJECTS[subject]
        coded = contract.of_kind("category")
        if name not in coded:
            known = {header: house for header, house in contract.headers.items() if house in coded}
            yield ("values", subject, name), f"{contract.zh}没有可以配置取值的字段“{name}”；{hint(name, known)}"
            continue
        meant = _meant(subject, name)
        for text, value in source.values[subject][name].items():
            if not normal(text):
                yield ("values", subject, name, text), "原文是空的；请填写，或删去这一行"
            elif meant and value not in meant.values():
                yield ("values", subject, name, text), f"{contract.by_name[name].zh}不能是“{value}”；{hint(value, meant)}"


def _meant(subject: str, name: str) -> Mapping[str, str] | None:
    """Words that tell which value is meant → the value, for a field whose values are fixed; None where any will do."""
    words = fixed()
    codes = words["codes"].get(subject, {}).get(name)
    match subject, name:
        case "applications", "outcome":
            return {word: leaf for form in forms.every() for leaf, label in form.leaves.items() for word in (leaf, label)}
        case "applications", "applicant_kind":
            return same([*words["applicant_kind"], words["derive"]["kind"]])
        case "disputes", "result":
            return {**words["dispute_result"], **same(words["dispute_result"].values())}
    return same(codes["values"]) if codes else None


def _check_conflicts(problems: Problems, sources: list[tuple[Place, SourceTable]]) -> None:
    """One text of one field means one thing to one agency, whichever source it comes from and however it is spelled."""
    seen: dict[tuple[str, ...], tuple[str, Place]] = {}
    for place, s in sources:
        for subject, name, text, value in _words(s.values):
            here = (*place, "values", subject, name, text)
            first, there = seen.setdefault((s.agency, subject, name, normal(text)), (value, here))
            if first != value:
                problems.add(here, f"同一机关的“{text}”在 {problems.where(there)}中已对应“{first}”，这里是“{value}”；请改成一致")
