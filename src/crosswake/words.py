"""Numbers with their nouns."""


def counted(count: int, one: str, many: str = "") -> str:
    """``1 scene``, ``1,204 scenes``; ``many`` where the plural is not made with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
