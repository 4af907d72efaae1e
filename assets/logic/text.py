"""Normal forms of text: what makes two spellings the same key, code, name or label.

Belongs here: expressions from text to text (source contracts 6.2). Does not belong here: which characters are one in a key
(`warehouse/spelling.py`), dates, amounts, credit codes.

Keys fold width only. Labels are compared with a fixed list, so there NFKC does no harm.
"""

from __future__ import annotations

import polars as pl

from warehouse import spelling

_ROUND = {"(": "（", ")": "）"}
# White space of every width, control characters, zero-width and other invisible ones: those that have no key character.
_BLANK = r"[\s\p{Cc}\p{Cf}]"
_INK = r"[^\s\p{Cc}\p{Cf}]"
_QUOTES = "[“”\"'‘’「」]"
_LEADING_NUMBER = r"^[（(]?[一二三四五六七八九十0-9]{1,3}[）).、．]+([^0-9]|$)"  # "1.1" is a code, not a numbered label
_LABEL_NOISE = "[,，、。；;：:（）()]"


def halved(text: pl.Expr) -> pl.Expr:
    """Full-width characters as half-width ones, and nothing else changed."""
    return text.str.replace_many(spelling.WIDTH)


def trimmed(text: pl.Expr) -> pl.Expr:
    """Without white space and invisible characters at both ends; empty becomes null."""
    return text.str.replace_all(f"^{_BLANK}+|{_BLANK}+$", "").replace("", None)


def is_given(text: pl.Expr) -> pl.Expr:
    """Whether there is anything but white space and invisible characters."""
    return text.str.contains(_INK).fill_null(False)


def key(text: pl.Expr) -> pl.Expr:
    """Normal form of keys, codes, names and category values; empty becomes null.

    Half width, no white space, upper case, every square bracket as 〔 〕.
    """
    return text.str.replace_many(spelling.KEY).replace("", None)


def case_no(text: pl.Expr) -> pl.Expr:
    """Normal form of a case number: as a key, with round brackets in full width."""
    return key(text).str.replace_many(_ROUND)


def label(text: pl.Expr) -> pl.Expr:
    """What is left of a form label when numbering, white space, quotation marks, commas and brackets do not count."""
    plain = text.str.normalize("NFKC").str.replace_all(f"{_BLANK}+|{_QUOTES}", "").str.replace(_LEADING_NUMBER, "${1}")
    return plain.str.replace_all(_LABEL_NOISE, "").str.to_uppercase()


def comparable(norm: pl.Expr) -> pl.Expr:
    """A key as it is compared between two versions of a record: 10, 10.0 and 1,234.50, 1234.5 are spellings of one number.

    A leading zero is part of a telephone or document number that a spreadsheet would lose, so 007 is not 7.
    """
    plain = pl.field("plain")
    grouped = plain.str.contains(r"^-?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?$")
    digits = pl.when(grouped).then(plain.str.replace_all(",", "", literal=True)).otherwise(plain)
    number = pl.when(digits.str.contains(r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,10})?$")).then(digits)
    read = pl.coalesce(number.cast(pl.Decimal(28, 10), strict=False).cast(pl.String), plain)
    # As a field of a struct the key is worked out once, not once for each time it stands above.
    return pl.struct(norm.alias("plain")).struct.with_fields(read.alias("read")).struct.field("read")
