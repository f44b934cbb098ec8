"""Numbers with their nouns, and names of strangers as text that does nothing but stand there.

What a file, table or archive calls itself is input. Written to a terminal as it is, it could move
the cursor, forge a line or turn the reading direction. :func:`plain_text` is what every medium
gets; ``cli/printing.py``, ``core/drawing.py`` and the report's template apply it."""

import unicodedata

MOVING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of characters that control, or stand for bytes that are no text: control
characters, formats such as bidirectional overrides, lone surrogates, line and paragraph ends."""
JOINERS = {"\u200c", "\u200d"}
"""Formats that Persian, Indic scripts and emoji cannot do without; they turn nothing around."""
SHORT_FORMS = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def counted(count: int, one: str, many: str = "") -> str:
    """``1 scene``, ``1,204 scenes``, ``2 identities``; ``many`` is an irregular plural."""
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {many or plural(one)}"


def plural(noun: str) -> str:
    """The regular plural of an English noun."""
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def plain_text(value: object, kept: str = "") -> str:
    """Text in one line of which every character is seen; others are written as in Python's
    strings, ``\\x1b`` or ``\\u202e``.

    Args:
        value: anything with a text, such as a path.
        kept: control characters that stay as they are, such as line ends.
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if unicodedata.category(character) not in MOVING
        or character in JOINERS
        or character in kept
        else escaped(character)
        for character in text
    )


def escaped(character: str) -> str:
    """``\\n``, ``\\x1b``, ``\\u202e`` or ``\\U000e0001``."""
    code = ord(character)
    if code < 0x100:
        return SHORT_FORMS.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cut_short(value: object, most: int) -> str:
    """:func:`plain_text` of at most ``most`` characters; what is cut off shows as ``…``."""
    text = plain_text(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
