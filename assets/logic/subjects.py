"""Each subject's way from landed text to records: the common steps and what the subject adds.

Belongs here: one entry a subject, and the few subjects that add a line or two. Does not belong here: the common steps
(`clean.py`), applications (`applications.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from assets.logic import applications, text
from assets.logic.clean import Cleaned, Defect, bad_amount, common_defects, given, record_key, row_finding, split, typed
from assets.logic.vocabulary import Vocabulary, fixed
from warehouse.subjects import SUBJECTS


def _derive_dispute(frame: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    words = fixed()
    pair = pl.concat_str(pl.col("t_case_kind"), pl.col("t_route"), separator="|")
    local = vocabulary.lookup(frame, "disputes", "result", text.key(pl.col("result")))
    known = pl.col("t_result").replace_strict(words["dispute_result"], default=None, return_dtype=pl.String)
    group = pl.coalesce(
        pl.col("t_case_kind").replace_strict(words["dispute_group"], default=None, return_dtype=pl.String),
        pair.replace_strict(words["dispute_route"], default=None, return_dtype=pl.String),
    )
    return frame.with_columns(group.alias("dispute_group"), pl.coalesce(local, known).alias("result_class"))


def _dispute_defects() -> list[Defect]:
    return [
        Defect("unknown_case_kind", "case_kind", pl.col("dispute_group").is_null()),
        Defect("unknown_result", "result", given("result") & pl.col("result_class").is_null()),
        Defect("closed_before_accepted", "closed_on", pl.col("t_closed_on") < pl.col("t_accepted_on")),
    ]


def _derive_document(frame: pl.DataFrame, _: Vocabulary) -> pl.DataFrame:
    kind = pl.col("t_kind").replace_strict(fixed()["normative_kind"], default=None, return_dtype=pl.String)
    return frame.with_columns(kind.alias("kind_code"))


def _unchanged(frame: pl.DataFrame, _: Vocabulary) -> pl.DataFrame:
    return frame


def _fewer_than_two() -> pl.Expr:
    """Fewer than two different names: an inspection needs two officers (行政处罚法 Art. 42)."""
    names = text.key(pl.col("inspectors")).str.replace_all("[,;]", "、").str.split("、")
    return names.list.eval(pl.element().filter(pl.element() != "")).list.n_unique().fill_null(0) < 2


@dataclass(frozen=True)
class Way:
    """What a subject adds to the common steps."""

    derive: Callable[[pl.DataFrame, Vocabulary], pl.DataFrame] = _unchanged
    defects: Callable[[], list[Defect]] = list
    row_rules: Mapping[str, tuple[str, Callable[[], pl.Expr]]] = field(default_factory=dict)


def _bad_code(name: str) -> tuple[str, Callable[[], pl.Expr]]:
    return name, lambda: ~pl.col(f"ok_{name}")


WAYS: Mapping[str, Way] = {
    "applications": Way(applications.derive, applications.defects, {"bad_uscc": _bad_code("applicant_uscc")}),
    "disputes": Way(_derive_dispute, _dispute_defects),
    "penalties": Way(
        defects=lambda: bad_amount("fine_wan") + bad_amount("confiscated_wan"), row_rules={"bad_uscc": _bad_code("party_uscc")}
    ),
    "permits": Way(row_rules={"bad_uscc": _bad_code("party_uscc")}),
    "coercions": Way(row_rules={"bad_uscc": _bad_code("party_uscc")}),
    "inspections": Way(row_rules={"bad_uscc": _bad_code("object_uscc"), "fewer_than_two_inspectors": ("inspectors", _fewer_than_two)}),
    "publications": Way(),
    "normative_documents": Way(_derive_document),
    "fees": Way(defects=lambda: bad_amount("amount_yuan", required=True, negative_allowed=True)),
}
assert set(WAYS) == set(SUBJECTS)


def clean(rows: pl.DataFrame, subject: str, vocabulary: Vocabulary) -> Cleaned:
    """Clean landed rows of one subject, of any agencies and files.

    Args:
        rows: Columns of `raw.<subject>`.
        subject: A key of `SUBJECTS`.
        vocabulary: The agencies' codes and synonyms.

    Returns:
        Each row once, as a record or in quarantine, and the findings on single rows.
    """
    contract, way = SUBJECTS[subject], WAYS[subject]
    frame = way.derive(typed(rows, contract, vocabulary), vocabulary).with_columns(record_key(contract).alias("record_key"))
    found = [row_finding(frame, contract, rule, name, when()) for rule, (name, when) in way.row_rules.items()]
    return split(frame, contract, common_defects(contract) + way.defects(), found)
