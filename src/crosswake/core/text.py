"""Numbers with their nouns."""


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
