"""Normal forms of text: what makes two spellings the same key, code, name or label.

Belongs here: expressions from text to text (source contracts 6.2). Does not belong here: dates, amounts, credit codes.
"""

from __future__ import annotations

import polars as pl

_SPACE = "[\\s\u200b\ufeff]+"
_LEADING_NUMBER = r"^[（(]?[一二三四五六七八九十\d]{1,3}[）).、．]+"
_LABEL_NOISE = "[\\s,，、。；;：:“”\"'‘’「」（）()]"


def squeezed(text: pl.Expr) -> pl.Expr:
    """Full width to half width, all white space removed; empty becomes null. Case is kept."""
    clean = text.str.normalize("NFKC").str.replace_all(_SPACE, "")
    return pl.when(clean != "").then(clean)


def key(text: pl.Expr) -> pl.Expr:
    """Normal form of keys, codes and document numbers: squeezed, upper case, every square bracket as 〔 〕."""
    return squeezed(text).str.to_uppercase().str.replace_all(r"[\[【]", "〔").str.replace_all(r"[\]】]", "〕")


def case_no(text: pl.Expr) -> pl.Expr:
    """Normal form of a case number: as a key, with round brackets in full width."""
    return key(text).str.replace_all("(", "（", literal=True).str.replace_all(")", "）", literal=True)


def label(text: pl.Expr) -> pl.Expr:
    """What is left of a form label when numbering, white space, quotation marks, commas and brackets do not count."""
    plain = text.str.normalize("NFKC").str.strip_chars().str.replace(_LEADING_NUMBER, "")
    return plain.str.replace_all(_LABEL_NOISE, "").str.to_uppercase()


def comparable(text: pl.Expr) -> pl.Expr:
    """Text as it is compared between two versions of a record: 10, 10.0 and 1,0 spellings of one number are equal."""
    norm = key(text)
    digits = norm.str.replace_all(",", "", literal=True)
    is_number = digits.str.contains(r"^-?\d{1,12}(\.\d{1,10})?$") & (~norm.str.contains(",") | norm.str.contains(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$"))
    return pl.when(is_number).then(digits.cast(pl.Decimal(28, 10), strict=False).cast(pl.String)).otherwise(norm)
