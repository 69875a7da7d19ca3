"""Words of descriptions."""

from collections.abc import Sequence


def join_words(words: Sequence[str]) -> str:
    """RETURNS (str): Words in a list: "novelists, poets and essayists"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def plural(noun: str) -> str:
    """RETURNS (str): The plural of a noun, by rule: "cities", and "works of art"."""
    first, of, rest = noun.partition(" of ")
    if of:
        return plural(first) + of + rest
    if noun.endswith("s"):
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    if noun.endswith(("x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun}s"
