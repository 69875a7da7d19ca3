"""What a user gives to the page: texts, files and types. Bad ones are answered by a sentence."""

import pytest

from spacy_binder.app.given import (
    LONGEST_DESCRIPTION,
    LONGEST_LABEL,
    MOST_BYTES,
    MOST_CHARACTERS,
    MOST_TYPES,
    EntityType,
    check_text,
    check_type,
    check_types,
    read_upload,
)

PER, GPE = EntityType("PER", "people"), EntityType("GPE", "places")


def test_texts() -> None:
    assert check_text("Oslo") == ""
    assert check_text("x" * MOST_CHARACTERS) == ""
    assert "no text" in check_text(" \n\t")
    assert "5,000,000 characters" in check_text("x" * 5_000_000)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Tromsø\n".encode(), "Tromsø\n"),
        ("Tromsø".encode("utf-8-sig"), "Tromsø"),
        (b"a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_files(content: bytes, text: str) -> None:
    assert read_upload("x.txt", content) == (text, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Tromsø".encode("latin-1"), "not a text in UTF-8: byte 6"),
        ("Tromsø".encode("utf-16"), "not a text in UTF-8"),
        (b"Oslo\0", "zero bytes"),
        (b" \n", "has no text"),
        (b"", "has no text"),
        (b"x" * (MOST_CHARACTERS + 1), "50,001 characters"),
        (b"x" * (MOST_BYTES + 1), "0.2 MB"),
        (b"x" * 5_000_000, "5.0 MB"),
    ],
)
def test_bad_files(content: bytes, problem: str) -> None:
    text, found = read_upload("x.txt", content)
    assert text == "" and problem in found


@pytest.mark.parametrize(
    ("types", "problems"),
    [
        ([PER, GPE], []),
        ([], ["There are no types"]),
        ([PER, EntityType("", "")], ["A type has no label"]),
        ([PER, EntityType(" ", "rivers")], ["'rivers' has no label"]),
        ([PER, EntityType("LOC", " ")], ["LOC has no description"]),
        ([PER, EntityType(" PER ", "persons")], ["2 types have the label PER"]),
        ([PER._replace(label="x" * (LONGEST_LABEL + 1))], ["61 characters"]),
        ([PER._replace(description="x" * (LONGEST_DESCRIPTION + 1))], ["1,001 characters"]),
        ([PER._replace(label=f"T{i}") for i in range(MOST_TYPES + 1)], ["There are 101 types"]),
        ([PER, PER, EntityType("", "rivers")], ["no label", "2 types have the label PER"]),
    ],
)
def test_types(types: list[EntityType], problems: list[str]) -> None:
    found = check_types(types)
    assert len(found) == len(problems)
    assert all(problem in sentence for problem, sentence in zip(problems, found, strict=True))


def test_a_new_type_has_a_label_of_its_own() -> None:
    assert check_type("LOC", "rivers", ["PER"]) == ""
    assert "There is a type PER already" in check_type("PER", "people", ["PER"])
