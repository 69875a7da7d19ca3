"""What a user gives: a text, a file, types. Each is checked, and a sentence says what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

# A text of this length takes about four seconds with a small encoder on one processor core.
MOST_CHARACTERS = 50_000
# UTF-8 has up to four bytes per character.
MOST_BYTES = 4 * MOST_CHARACTERS
MOST_TYPES = 100
LONGEST_LABEL = 60
LONGEST_DESCRIPTION = 1000


class EntityType(NamedTuple):
    """A type as it stands in the table of the page.

    label (str): Its label.
    description (str): What its spans are, in words.
    threshold (float, optional): Its own threshold. If None, the threshold of the page applies.
    """

    label: str
    description: str
    threshold: Optional[float] = None


def check_text(text: str) -> str:
    """RETURNS (str): What is wrong with a text, or nothing."""
    if not text.strip():
        return "There is no text yet. Paste one, or upload a file."
    if len(text) > MOST_CHARACTERS:
        return (
            f"The text has {len(text):,} characters. This page takes up to {MOST_CHARACTERS:,}. Paste a part of it, or "
            "use the Python lines for the whole text."
        )
    return ""


def read_upload(name: str, content: bytes) -> tuple[str, str]:
    """Read an uploaded file.

    name (str): Its name, for messages.
    content (bytes): Its bytes.
    RETURNS (tuple[str, str]): The text, and what is wrong with the file. One of them is empty.
    """
    if len(content) > MOST_BYTES:
        size = f"{len(content) / 1e6:.1f} MB"
        return "", f"{name} has {size}. This page takes texts of up to {MOST_CHARACTERS:,} characters. Upload a part."
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"{name} is not a text in UTF-8: byte {error.start + 1:,} does not fit."
        return "", f"{problem} Save it as plain text in UTF-8, and upload it again."
    if "\0" in text:
        return "", f"{name} is not a text: it has zero bytes. Save it as plain text in UTF-8, and upload it again."
    # As in a text that is pasted.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    problem = check_text(text)
    if problem and not text.strip():
        problem = f"{name} has no text."
    return ("", problem) if problem else (text, "")


def check_type(label: str, description: str, known: Sequence[str] = ()) -> str:
    """Check a type.

    label (str): Its label.
    description (str): Its description.
    known (Sequence[str]): The labels that it may not have.
    RETURNS (str): What is wrong with it, or nothing.
    """
    label, description = label.strip(), description.strip()
    if not label:
        which = f"The type '{_short(description)}'" if description else "A type"
        return f"{which} has no label. Give it a short name, such as PERSON."
    if not description:
        return f"The type {_short(label)} has no description. Say in words what its spans are."
    if len(label) > LONGEST_LABEL:
        return f"The label '{_short(label)}' has {len(label):,} characters. Use up to {LONGEST_LABEL}."
    if len(description) > LONGEST_DESCRIPTION:
        length = f"{len(description):,} characters"
        return f"The description of {label} has {length}. Use up to {LONGEST_DESCRIPTION:,}."
    if label in known:
        return f"There is a type {label} already. Change its description in the table, or use another label."
    return ""


def check_types(types: Sequence[EntityType]) -> list[str]:
    """RETURNS (list[str]): What is wrong with the table of types: one sentence per problem."""
    return list(_problems(types))


def _problems(types: Sequence[EntityType]) -> Iterator[str]:
    if not types:
        yield "There are no types. Add one, or restore the pipeline's types."
    if len(types) > MOST_TYPES:
        yield f"There are {len(types)} types. This page takes up to {MOST_TYPES}."
    for type_ in types:
        problem = check_type(type_.label, type_.description)
        if problem:
            yield problem
    counts = Counter(type_.label.strip() for type_ in types)
    for label, n in counts.items():
        if label and n > 1:
            yield f"{n} types have the label {_short(label)}. Give each type a label of its own."


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
