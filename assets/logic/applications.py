"""Disclosure applications: applicant class, outcome leaf, and what makes an application uncountable.

Belongs here: what only applications know. Does not belong here: time limits, the report year.
"""

from __future__ import annotations

import polars as pl

from assets.logic import text
from assets.logic.clean import Defect, bad_amount, given
from assets.logic.vocabulary import Vocabulary, fixed


def applicant_class(vocabulary: Vocabulary) -> pl.Expr:
    """Column of table 3 by the word of the source, or from a right credit code where the word names no class."""
    words = fixed()
    derive = words["derive"]
    code = pl.when(pl.col("ok_applicant_uscc")).then(pl.col("t_applicant_uscc"))
    first_two, first = code.str.slice(0, 2), code.str.slice(0, 1)
    prefixes = derive["prefix"] | ({derive["sole_trader"]: vocabulary.sole_trader_class} if vocabulary.sole_trader_class else {})
    institution = derive["institution"]
    named_so = text.key(pl.col("applicant_name")).str.contains(institution["word"], literal=True)
    derived = pl.coalesce(
        first_two.replace_strict(prefixes, default=None, return_dtype=pl.String),
        first.replace_strict(derive["first"], default=None, return_dtype=pl.String),
        pl.when((first_two == institution["prefix"]) & named_so).then(pl.lit(institution["class"])),
    )
    kind = pl.col("t_applicant_kind")
    stated = kind.replace_strict(words["applicant_kind"], default=None, return_dtype=pl.String)
    return pl.coalesce(stated, pl.when(kind == derive["kind"]).then(derived))


def outcome_leaf(rows: pl.DataFrame, vocabulary: Vocabulary) -> pl.Series:
    """Row of table 3: official labels first, then the agency's codes and synonyms."""
    label = text.label(pl.col("outcome"))
    official = rows.select(label.replace_strict(fixed()["outcome"], default=None, return_dtype=pl.String)).to_series()
    code = vocabulary.lookup(rows, "applications", "outcome", text.key(pl.col("outcome")))
    synonym = vocabulary.lookup(rows, "applications", "outcome", label, by="label")
    return pl.select(pl.coalesce(official, code, synonym)).to_series()


def derive(frame: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Add `applicant_class` and `outcome_leaf`."""
    return frame.with_columns(applicant_class(vocabulary).alias("applicant_class"), outcome_leaf(frame, vocabulary).alias("outcome_leaf"))


def defects() -> list[Defect]:
    """Quarantine reasons of an application beside the common ones."""
    kind, known = pl.col("t_applicant_kind"), list(fixed()["applicant_kind"])
    by_code = kind == fixed()["derive"]["kind"]
    return [
        Defect("unknown_applicant_kind", "applicant_kind", kind.is_null() | ~(kind.is_in(known) | by_code)),
        Defect("underivable_applicant_kind", "applicant_uscc", by_code & pl.col("applicant_class").is_null()),
        Defect("unknown_outcome", "outcome", given("outcome") & pl.col("outcome_leaf").is_null()),
        *bad_amount("fee_yuan"),
        Defect("reply_before_receipt", "replied_on", pl.col("t_replied_on") < pl.col("t_received_on")),
    ]
