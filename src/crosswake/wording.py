"""Words that hang on numbers."""


def counted(count: int, noun: str) -> str:
    """A count with its noun, which is given in the singular: ``1 pair``, ``1,024 identities``, ``2 batches``."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
