"""Spelling: which characters are one in keys, codes and names (source contracts 6.2).

Belongs here: the rules, one character at a time. Does not belong here: applying them to columns (cleaning does), labels,
round brackets of case numbers.

Keys fold width only. NFKC would fold more: `3①号` would become `31号`, and of two decisions one would be lost as an older
version of the other.
"""

from __future__ import annotations

from unicodedata import category, normalize

# Full-width forms, small forms, radicals (pasted from PDF) and compatibility ideographs: the usual character stands for them.
_FOLDED = ((0xFF01, 0xFF5E), (0xFE50, 0xFE6B), (0x2E80, 0x2FD5), (0xF900, 0xFAFF))
WIDTH = {chr(i): normalize("NFKC", chr(i)) for first, last in _FOLDED for i in range(first, last + 1)}
_SQUARE = {"[": "〔", "【": "〔", "]": "〕", "】": "〕"}
_BLANK = ("Zs", "Zl", "Zp", "Cc", "Cf")  # white space of every width, control characters, zero-width and other invisible ones


def key_character(char: str) -> str:
    """The normal form of one character: half width, upper case, square brackets as 〔 〕; nothing for what cannot be seen."""
    if category(char) in _BLANK:
        return ""
    upper = WIDTH.get(char, char).upper()
    return _SQUARE.get(upper, upper)


# One pass over a column instead of four: each character that is not its own normal form → its normal form.
KEY = {char: norm for char in map(chr, range(0x10000)) if category(char) != "Cs" and (norm := key_character(char)) != char}
