"""Damaged files of each format: a reader yields documents or stops with one of our codes, whatever it reads."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_binder.corpora.formats import FORMATS
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
N_MUTATIONS = 200
TEXT = "Anna Lind \U0001f600 left Riga."
TOKENS = ["Anna", "Lind", "left", "Riga"]


def lines(*values: Any) -> bytes:
    """RETURNS (bytes): JSON, one value per line."""
    return "\n".join(map(json.dumps, values)).encode()


PRODIGY = {"text": TEXT, "spans": [{"start": 0, "end": 9, "label": "PER"}], "answer": "accept", "tokens": None}
TO_JSON = {"text": "a b", "tokens": [{"start": 0, "end": 1}, {"start": 2, "end": 3}], "sents": [{"start": 0}]}
REGION = {"start": 17, "end": 21, "text": "Riga", "labels": ["GPE"]}
PAGE = {"start": "/p[1]", "end": "/p[1]", "globalOffsets": {"start": 0, "end": 4}, "text": "Anna", "labels": ["PER"]}
TASK = {"data": {"text": TEXT}, "annotations": [{"result": [{"value": REGION}, {"value": PAGE}]}]}
SENTENCE = {"tokens": TOKENS, "entity_mentions": [{"start": 0, "end": 2, "entity_type": "PER"}], "doc_id": "1"}
DYGIE = {"sentences": [TOKENS, TOKENS], "ner": [[[0, 1, "PER"]], [[7, 7, "GPE"]]]}

# Format, and name and content of each file of a small corpus. Add a row for each format.
CORPORA: list[tuple[str, dict[str, bytes]]] = [
    ("jsonl", {"x.jsonl": lines(PRODIGY, {"data": TEXT, "label": [[0, 9, "PER"]]}, {**TO_JSON, "spans": {"sc": []}})}),
    ("jsonl", {"x.json": json.dumps([PRODIGY, PRODIGY], indent=1).encode()}),
    ("label_studio", {"x.jsonl": lines(TASK, TASK), "y.json": json.dumps([TASK, TASK]).encode()}),
    ("label_studio", {"x.jsonl": lines({"text": TEXT, "label": [REGION, PAGE]}, {"text": TEXT})}),
    ("genia", {"x.jsonlines": lines(SENTENCE, SENTENCE, {**SENTENCE, "doc_id": 2})}),
    ("dygie", {"x.json": lines(DYGIE, {"sentences": [TOKENS], "ners": [[[0, 1, "PER"]]]})}),
]

# What takes the place of a value in JSON.
VALUES = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "\ud800",
    "\n ",
    [],
    [[]],
    [0, 9, "PER"],
    {},
    {"start": 0},
    [None],
    ["x"],
]


def flip(content: bytes, rng: random.Random) -> bytes:
    """Change a bit."""
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, rng: random.Random) -> bytes:
    """Leave out a part, which may be the whole rest."""
    start, end = sorted(rng.choices(range(len(content) + 1), k=2))
    return content[:start] + content[rng.choice([end, len(content)]) :]


def double(content: bytes, rng: random.Random) -> bytes:
    """Repeat a part."""
    start, end = sorted(rng.choices(range(len(content) + 1), k=2))
    return content[:end] + content[start:]


def insert(content: bytes, rng: random.Random) -> bytes:
    """Insert bytes that mean something somewhere."""
    place = rng.randrange(len(content) + 1)
    pieces = [b"\0", b"\xff", b"\r", b"\n\n", b"\t", b" ", b'"', b"[", b"]", b"{", b"}", b",", b"<", b"&x;", b"\\ud800"]
    pieces += ["\u2028".encode(), "\u00a0".encode(), b"\xef\xbb\xbf", b"9" * 5000, b"[" * 2000, b"B-X"]
    return content[:place] + rng.choice(pieces) + content[place:]


def replace_value(content: bytes, rng: random.Random) -> bytes:
    """Put another value, often of another type, in the place of a value in JSON. Flip a bit in other files."""
    is_array = content.startswith(b"[")
    try:
        values = json.loads(content) if is_array else [json.loads(line) for line in content.splitlines()]
    except ValueError:
        return flip(content, rng)
    parent: Any = values
    while True:
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        inner = parent[key]
        if not inner or not isinstance(inner, (dict, list)) or rng.random() < 0.2:
            parent[key] = rng.choice(VALUES)
            return json.dumps(values).encode() if is_array else lines(*values)
        parent = inner


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, double, insert, replace_value]


@pytest.mark.parametrize("name, files", CORPORA, ids=[f"{name} {', '.join(files)}" for name, files in CORPORA])
def test_damaged_files(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    """Each mutation damages one file. The first reading is of the corpus as it is, and has nothing to report."""
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    problems = Problems(strict=True)
    docs = list(FORMATS[name](tmp_path, NLP, spans_key="sc", problems=problems))
    assert sum(len(doc.spans["sc"]) for doc in docs) > 0
    rng = random.Random(name)
    for number in range(N_MUTATIONS):
        file = rng.choice(list(files))
        mutate = MUTATIONS[number % len(MUTATIONS)]
        damaged = mutate(files[file], rng)
        (tmp_path / file).write_bytes(damaged)
        try:
            for doc in FORMATS[name](tmp_path, NLP, spans_key="sc", problems=Problems()):
                doc.to_bytes()
        except Exception as error:
            if type(error) is not ValueError or not re.match(r"\[B\d{3}\] ", str(error)) or len(str(error)) > 2000:
                raise AssertionError(f"{mutate.__name__} of {file} gives {error!r}: {damaged!r}") from error
        (tmp_path / file).write_bytes(files[file])
