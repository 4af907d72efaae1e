"""Words and codes as cleaning needs them: the fixed ones of the contracts and the configured ones of an agency.

Belongs here: loading `vocabulary.toml`, joining an agency's own codes. Does not belong here: what is done with them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import polars as pl

from assets.logic import text
from warehouse import forms

LOCAL_SCHEMA = {"agency": pl.String, "subject": pl.String, "field": pl.String, "text": pl.String, "value": pl.String}


@cache
def fixed() -> dict[str, Any]:
    """The words of `vocabulary.toml`, with every outcome label of every form added under `outcome`."""
    words = tomllib.loads(files("assets.logic").joinpath("vocabulary.toml").read_text("utf-8"))
    labels = {label: leaf for form in forms.every() for leaf, label in form.leaves.items()}
    words["outcome"] = _keyed({**labels, **words["outcome"]})
    return words


def _keyed(labels: dict[str, str]) -> dict[str, str]:
    frame = pl.DataFrame({"label": list(labels), "leaf": list(labels.values())})
    return dict(frame.select(text.label(pl.col("label")), "leaf").iter_rows())


@dataclass(frozen=True)
class Vocabulary:
    """An agency's codes and synonyms beside the fixed words.

    `local` has the columns of `LOCAL_SCHEMA`, text in normal form, and `label`: the text as a form label, null where it is
    none or stands for nothing. `sole_trader_class` is the column of table 3 for 个体工商户 of whom the source only says
    法人或其他组织; "" settles nothing.
    """

    local: pl.DataFrame
    sole_trader_class: str = ""

    @classmethod
    def of(cls, rows: list[tuple[str, str, str, str, str]], sole_trader_class: str = "") -> Vocabulary:
        """From (agency, subject, field, text as configured, value), the first entry of a text counts, and the counting setting."""
        written = pl.DataFrame(rows, schema=LOCAL_SCHEMA, orient="row")
        read = written.with_columns(text.key(pl.col("text")), text.label(pl.col("text")).alias("label"))
        local = read.filter(pl.col("text").is_not_null()).unique(["agency", "subject", "field", "text"], keep="first", maintain_order=True)
        return cls(local.with_columns(pl.when(_is_label()).then(pl.col("label"))), sole_trader_class)

    def fingerprint(self) -> str:
        """Digest of everything that decides how a value is read; another digest means that landed rows are cleaned anew."""
        everything = [fixed(), self.local.sort(self.local.columns).rows(), self.sole_trader_class]
        stable = json.dumps(everything, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(stable.encode()).hexdigest()

    def lookup(self, rows: pl.DataFrame, subject: str, field: str, keyed: pl.Expr, *, by: Literal["text", "label"] = "text") -> pl.Series:
        """The configured value of each row's `keyed` text (or label) for its agency; null where nothing is configured."""
        words = self.local.filter((pl.col("subject") == subject) & (pl.col("field") == field))
        asked = rows.select("agency", keyed.alias(by))  # a null joins nothing
        return asked.join(words.select("agency", by, "value"), on=["agency", by], how="left", maintain_order="left")["value"]


def _is_label() -> pl.Expr:
    """Whether a configured text also counts as a label, whatever number leads it: an outcome whose label means one thing only.

    1.同意 and 2.同意 with different values leave 3.同意 unknown. Of texts with one label and one value the least stands for all.
    """
    same = ("agency", "subject", "field", "label")
    settled = (pl.col("value").n_unique().over(same) == 1) & (pl.col("text") == pl.col("text").min().over(same))
    return (pl.col("field") == "outcome") & (pl.col("label") != "") & settled
