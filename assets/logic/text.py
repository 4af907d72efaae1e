"""Normal forms of text: what makes two spellings the same key, code, name or label.

Belongs here: expressions from text to text (source contracts 6.2). Does not belong here: dates, amounts, credit codes.

Keys fold width only. NFKC would fold more: `3①号` would become `31号`, and of two decisions one would be lost as an older
version of the other. Labels are compared with a fixed list, so there NFKC does no harm.
"""

from __future__ import annotations

from unicodedata import category, normalize

import polars as pl

# Full-width forms, small forms, radicals (pasted from PDF) and compatibility ideographs: the usual character stands for them.
_FOLDED = ((0xFF01, 0xFF5E), (0xFE50, 0xFE6B), (0x2E80, 0x2FD5), (0xF900, 0xFAFF))
_WIDTH = {chr(i): normalize("NFKC", chr(i)) for first, last in _FOLDED for i in range(first, last + 1)}
_SQUARE = {"[": "〔", "【": "〔", "]": "〕", "】": "〕"}
_ROUND = {"(": "（", ")": "）"}
# White space of every width, control characters, zero-width and other invisible ones, as the pattern below.
_BLANK_KINDS = ("Zs", "Zl", "Zp", "Cc", "Cf")
_BLANK = r"[\s\p{Cc}\p{Cf}]"
_INK = r"[^\s\p{Cc}\p{Cf}]"
_QUOTES = "[“”\"'‘’「」]"
_LEADING_NUMBER = r"^[（(]?[一二三四五六七八九十0-9]{1,3}[）).、．]+([^0-9]|$)"  # "1.1" is a code, not a numbered label
_LABEL_NOISE = "[,，、。；;：:（）()]"


def _key_character(char: str) -> str:
    if category(char) in _BLANK_KINDS:
        return ""
    upper = _WIDTH.get(char, char).upper()
    return _SQUARE.get(upper, upper)


# One pass over the text instead of four: each character that is not its own normal form → its normal form.
_KEY = {char: norm for char in map(chr, range(0x10000)) if category(char) != "Cs" and (norm := _key_character(char)) != char}


def halved(text: pl.Expr) -> pl.Expr:
    """Full-width characters as half-width ones, and nothing else changed."""
    return text.str.replace_many(_WIDTH)


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
    return text.str.replace_many(_KEY).replace("", None)


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
