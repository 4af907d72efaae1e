"""Landed text → typed records, quarantined rows and findings on single rows.

Belongs here: what is alike for every subject: typing by kind, natural keys, the order of quarantine reasons (source
contracts 6.4), what is personal data in a column of codes, the split. Does not belong here: what only one subject knows
(`subjects.py`, `applications.py`), versions of a record (SQL in the warehouse), anything about a report year.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from assets.logic import amounts, dates, text
from assets.logic.identity import SHAPE, looks_resident, mistyped_resident, valid_codes
from assets.logic.vocabulary import Vocabulary, fixed
from warehouse import tables
from warehouse.subjects import Subject

# Raise it when cleaning gives another result for the same text: landed rows are then cleaned anew.
CODE_VERSION = "5"
# The first that applies is a row's reason (source contracts 6.4).
REASONS = (
    "missing_key",
    "bad_date",
    "unknown_applicant_kind",
    "underivable_applicant_kind",
    "unknown_outcome",
    "bad_amount",
    "negative_amount",
    "reply_before_receipt",
    "unknown_case_kind",
    "unknown_result",
    "closed_before_accepted",
    "unknown_code",
)
_SEPARATOR = "\x1f"  # no cleaned text holds a control character
_SHOWN_CHARS = 40  # figures and codes
_SHOWN_WORDS = 30
_DIGITS = "^[0-9]{17}[0-9X]$"
# What may stand in a column of dates or amounts and be shown: figures, signs, the words of numbers, and words that say nothing.
_FIGURES = (
    r"^(不详|不明|未知|待定|暂无|无|空)$|"
    r"^[0-9A-Za-z年月日时分秒元万千百十零一二三四五六七八九〇两点角整:：./+,，\s\x{200b}\x{feff}-]{0,40}$"
)
# Numbers of persons that slipped: identity numbers, accounts, mobile telephones. Figures may hold an instant of 14 digits, words
# no long number.
_PERSON_IN_FIGURES = r"[0-9]{15}|(^|[^0-9])1[3-9][0-9]{9}($|[^0-9])"
_PERSON_IN_WORDS = "[0-9]{11}"


@dataclass(frozen=True)
class Defect:
    """A reason to quarantine: its code, the field at fault, and the rows it applies to."""

    reason: str
    field: str
    when: pl.Expr


@dataclass(frozen=True)
class Cleaned:
    """Three frames with the columns of their tables: typed rows (without version state), quarantine, row findings."""

    core: pl.DataFrame
    quarantine: pl.DataFrame
    findings: pl.DataFrame


def given(field: str) -> pl.Expr:
    """Whether the landed text of a field holds anything but white space."""
    return text.is_given(pl.col(field))


def _read_once(rows: pl.DataFrame, names: Sequence[str], read: Callable[[pl.Expr], pl.Expr]) -> list[pl.Series]:
    """`t_<name>` of these fields. Each different text is read once: files repeat the same days, words and codes."""
    texts = pl.concat([rows.select(pl.col(name).alias("text")) for name in names]).unique().drop_nulls()
    values = texts.lazy().with_columns(read(pl.col("text")).alias("value")).collect()
    return [
        rows.select(pl.col(name).alias("text")).join(values, on="text", how="left", maintain_order="left")["value"].alias(f"t_{name}")
        for name in names
    ]


def typed(rows: pl.DataFrame, subject: Subject, vocabulary: Vocabulary) -> pl.DataFrame:
    """Add `t_<field>` for every field: the value in its type, null where the text cannot be read as such."""
    frame = rows.with_columns(text.trimmed(pl.col(name)).alias(f"t_{name}") for name in subject.of_kind("text", "free"))
    keys = subject.of_kind("key", "uscc", "category")
    for read, names in (
        (text.key, [n for n in keys if n != "case_no"]),
        (text.case_no, [n for n in keys if n == "case_no"]),
        (dates.instant, subject.of_kind("date", "instant")),
        (amounts.amount, subject.of_kind("number")),
    ):
        frame = frame.with_columns(_read_once(rows, names, read) if names else [])
    frame = frame.with_columns(pl.col(f"t_{name}").dt.date() for name in subject.of_kind("date"))
    configured = vocabulary.local.filter(pl.col("subject") == subject.name)["field"].unique().to_list()
    for name in set(configured) & set(subject.of_kind("category")) - {"outcome", "result"}:
        local = vocabulary.lookup(frame, subject.name, name, text.key(pl.col(name)))
        frame = frame.with_columns(pl.coalesce(local, pl.col(f"t_{name}")).alias(f"t_{name}"))
    return frame.with_columns(valid_codes(frame[f"t_{name}"]).alias(f"ok_{name}") for name in subject.of_kind("uscc"))


def _masked(number: str) -> str:
    return "个人-" + hashlib.sha256(number.encode()).hexdigest()[:12]


def record_key(subject: Subject) -> pl.Expr:
    """The natural key in normal form; an empty part stays empty, an unreadable instant as written but for its ends."""
    parts = []
    for name in subject.key:
        part = pl.col(f"t_{name}")
        if subject.by_name[name].kind == "instant":
            part = pl.coalesce(part.dt.strftime("%Y-%m-%d %H:%M:%S"), text.trimmed(pl.col(name)))
        elif subject.by_name[name].kind == "uscc":  # the key of an inspection: a person's number is told apart and not shown
            person = looks_resident(part) | (mistyped_resident(part) & ~pl.col(f"ok_{name}"))
            part = pl.coalesce(pl.when(person).then(part).map_elements(_masked, return_dtype=pl.String), part)
        parts.append(part.fill_null(""))
    return pl.concat_str(parts, separator="|")


def common_defects(subject: Subject) -> list[Defect]:
    """Missing keys, unreadable dates, codes outside the contract's lists."""
    found = [Defect("missing_key", name, ~given(name)) for name in subject.key]
    found += [Defect("bad_date", name, given(name) & pl.col(f"t_{name}").is_null()) for name in subject.of_kind("date", "instant")]
    found.append(Defect("bad_date", subject.decided_by, ~given(subject.decided_by)))
    for name, rule in fixed()["codes"].get(subject.name, {}).items():
        value = pl.col(f"t_{name}")
        found.append(Defect("unknown_code", name, value.is_null() if rule["required"] else pl.lit(False)))
        found.append(Defect("unknown_code", name, value.is_not_null() & ~value.is_in(rule["values"])))
    return found


def bad_amount(name: str, *, required: bool = False, negative_allowed: bool = False) -> list[Defect]:
    """An amount that is no number, is missing where it is required, or is negative where it may not be."""
    found = [Defect("bad_amount", name, given(name) & pl.col(f"t_{name}").is_null())]
    if required:
        found.append(Defect("bad_amount", name, ~given(name)))
    if not negative_allowed:
        found.append(Defect("negative_amount", name, pl.col(f"t_{name}") < 0))
    return found


def _content(subject: Subject) -> pl.Expr:
    """All fields as two versions of a record are compared: dates as dates, amounts as numbers, an outcome as its leaf."""
    parts = []
    for f in subject.fields:
        value = pl.col(f"t_{f.name}")
        if f.name == "outcome":
            value = pl.coalesce("outcome_leaf", value)
        elif f.kind in ("text", "free"):
            value = text.comparable(text.key(value))
        elif f.kind == "number":
            value = pl.coalesce(value.cast(pl.String), text.key(pl.col(f.name)))
        elif f.kind in ("date", "instant"):
            value = value.cast(pl.String)
        parts.append(value.fill_null(""))
    return pl.concat_str(parts, separator=_SEPARATOR)


def _digests(contents: pl.Series) -> pl.Series:
    """MD5 of each content: the same in every process and version, and what was digested cannot be read from it."""
    digests = [hashlib.md5(content, usedforsecurity=False).digest() for content in contents.cast(pl.Binary)]
    return pl.Series(contents.name, digests, pl.Binary).bin.encode("hex")


def _reasons(frame: pl.DataFrame, defects: Sequence[Defect]) -> pl.DataFrame:
    """Add `reason` and `field` of the first defect in contract order; null for a good row."""
    ordered = sorted(defects, key=lambda d: REASONS.index(d.reason))
    reason = pl.coalesce(*(pl.when(d.when.fill_null(False)).then(pl.lit(d.reason)) for d in ordered), pl.lit(None, pl.String))
    field = pl.coalesce(*(pl.when(d.when.fill_null(False)).then(pl.lit(d.field)) for d in ordered), pl.lit(None, pl.String))
    return frame.with_columns(reason.alias("reason"), field.alias("field"))


def _is_private(subject: Subject, name: str) -> pl.Expr:
    """Whether a credit code is a person's number: of a natural person or a sole trader, or another number written there.

    Only what has the shape of a credit code passes; of digits alone (identity numbers are) only one with right check characters.
    """
    code, private = pl.col(f"t_{name}"), fixed()["private"]
    found = looks_resident(code) | code.str.starts_with(private["prefix"])
    found |= ~code.str.contains(SHAPE) | (code.str.contains(_DIGITS) & ~pl.col(f"ok_{name}"))
    for kind in set(private["kinds_in"]) & set(subject.by_name):
        found |= pl.col(f"t_{kind}").str.contains_any(private["kinds"])
    return found.fill_null(False)


def _public(subject: Subject, name: str, value: pl.Expr) -> pl.Expr:
    """A value of a field without what is personal data: the only way of a credit code out of cleaning, but for a record's key."""
    return pl.when(~_is_private(subject, name)).then(value) if subject.by_name[name].kind == "uscc" else value


def _holds(value: pl.Expr, pattern: str) -> pl.Expr:
    """Whether a number stands in a landed text, in whatever width and grouped by blanks or not."""
    return (text.halved(value).str.contains(pattern) | text.key(value).str.contains(pattern)).fill_null(False)


def _shown(subject: Subject, name: str) -> pl.Expr:
    """The landed text of a field for whoever mends it; personal data and free text are never shown."""
    if not tables.in_core(subject.by_name[name]):
        return pl.lit(None, pl.String)
    value, kind = pl.col(name), subject.by_name[name].kind
    if kind in ("date", "instant", "number"):  # columns that slipped put names and addresses here
        value = pl.when(value.str.contains(_FIGURES) & ~_holds(value, _PERSON_IN_FIGURES)).then(value)
    elif kind != "uscc":
        value = pl.when(~_holds(value, _PERSON_IN_WORDS)).then(value.str.slice(0, _SHOWN_WORDS))
    return _public(subject, name, value.str.slice(0, _SHOWN_CHARS))


def row_finding(frame: pl.DataFrame, subject: Subject, rule: str, field: str, when: pl.Expr) -> pl.DataFrame:
    """The rows a row rule speaks of, whatever becomes of the row, with the columns of `core.row_findings`."""
    return frame.filter(when.fill_null(False)).select(
        "agency",
        pl.lit(subject.name).alias("subject"),
        "file_id",
        "row_no",
        "record_key",
        pl.lit(rule).alias("rule"),
        pl.lit(field).alias("field"),
        _shown(subject, field).alias("value"),
    )


def _updated_at(subject: Subject) -> pl.Expr:
    updated = pl.col("t_updated_at") if subject.updated_at else pl.lit(None, pl.Datetime("us"))
    return updated.alias("updated_at")


def _core_columns(subject: Subject) -> list[pl.Expr]:
    """The columns of `core.<subject>` that cleaning fills; `content_md5` still holds what is to be digested."""
    out = []
    for name in (c.name for c in tables.core(subject.name).columns if c.name not in tables.VERSION_STATE):
        if name == "updated_at":
            out.append(_updated_at(subject))
        elif name == "content_md5":
            out.append(_content(subject).alias(name))
        elif name in subject.by_name:
            out.append(_public(subject, name, pl.col(f"t_{name}")).alias(name))
        else:
            out.append(pl.col(name))
    return out


def split(frame: pl.DataFrame, subject: Subject, defects: Sequence[Defect], findings: Sequence[pl.DataFrame]) -> Cleaned:
    """Divide typed rows (with `record_key` and derived columns) into records and quarantine.

    Every row of `frame` is in exactly one of the two.
    """
    judged = _reasons(frame, defects)
    good = judged.lazy().filter(pl.col("reason").is_null()).select(_core_columns(subject)).collect()
    value = pl.coalesce(*(pl.when(pl.col("field") == f.name).then(_shown(subject, f.name)) for f in subject.fields))
    bad = judged.filter(pl.col("reason").is_not_null()).select(
        "agency",
        pl.lit(subject.name).alias("subject"),
        "file_id",
        "row_no",
        "record_key",
        _updated_at(subject),
        "reason",
        "field",
        value.alias("value"),
    )
    empty = pl.DataFrame(schema=tables.TABLES["core.row_findings"].schema)
    return Cleaned(good.with_columns(_digests(good["content_md5"])), bad, pl.concat([empty, *findings]))
