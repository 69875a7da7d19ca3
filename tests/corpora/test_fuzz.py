"""Damaged files of each format: a reader yields documents or stops with one of our codes, whatever it reads."""

import json
import os
import random
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin, Span

from spacy_binder.corpora.formats import FORMATS
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
# `make fuzz` sets more.
N_MUTATIONS = int(os.environ.get("FUZZ_MUTATIONS", "200"))
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

COLUMNS = b"-DOCSTART- -X- O\n\nAnna B-PER\nLind I-PER\nleft O\n\nRiga  B-GPE\n. O\n"
LITBANK = b"Anna\tB-PER\tO\tO\tO\nof\tI-PER\tO\tO\tO\tO\t\nRiga\tI-PER\tB-GPE\tO\tO\n\nleft\tO\tO\tO\tO\n"
INLINE = "# a comment\n[PER Anna of [GPE Riga]] left.\n\nIt \U0001f600 rained.\n".encode()
CONLLU = (
    b"# newdoc id = x\n# global.Entity = eid-etype-head\n1-2\tWe'll\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"1\tWe\twe\tPRON\t_\t_\t_\t_\t_\tEntity=(1-person-1)\n2\t'll\t_\tAUX\t_\t_\t_\t_\t_\t_\n\n"
    b"1\tAnna\t_\tPROPN\t_\t_\t_\t_\t_\tEntity=(2-person-1(3-place-1)\n1.1\t_\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"2\tLind\t_\tPROPN\t_\t_\t_\t_\t_\tEntity=2)|SpaceAfter=No\n"
)
BRAT = b"T1\tPER 0 9\tAnna Lind\nR1\tIn Arg1:T1 Arg2:T2\n#1\tNote T1\tx\nT3\tGPE 17 21\tRiga\n"
GENIA = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE set SYSTEM "gpml.dtd">\n<set>\n<article><title>'
    b'<sentence>The <cons sem="G#DNA_domain"><cons sem="G#protein_molecule">IL-2</cons> gene</cons>.</sentence>'
    b"</title>\n<abstract><sentence>&lt; 5.</sentence></abstract></article>\n</set>\n"
)
SGML = b"<DOC>\n<TEXT>\nAnna Lind &amp; Co. left Riga.\n</TEXT>\n</DOC>\n"
APF = (
    b'<source_file>\n<document DOCID="x">\n<entity ID="E1" TYPE="PER">\n<entity_mention ID="1">\n'
    b'<extent><charseq START="2" END="10">Anna Lind</charseq></extent>\n</entity_mention>\n</entity>\n'
    b"</document>\n</source_file>\n"
)


def docbin() -> bytes:
    """RETURNS (bytes): A DocBin with entities, spans and user data."""
    doc = NLP.make_doc(TEXT)
    doc.ents, doc.spans["other"] = [Span(doc, 0, 2, "PER", kb_id="Q1")], [Span(doc, 4, 5, "GPE")]
    doc.cats, doc.user_data["source"] = {"news": 1.0}, "x"
    return DocBin(docs=[doc, doc], store_user_data=True).to_bytes()


# Format, and name and content of each file of a small corpus. Add a row for each format.
CORPORA: list[tuple[str, dict[str, bytes]]] = [
    ("jsonl", {"x.jsonl": lines(PRODIGY, {"data": TEXT, "label": [[0, 9, "PER"]]}, {**TO_JSON, "spans": {"sc": []}})}),
    ("jsonl", {"x.json": json.dumps([PRODIGY, PRODIGY], indent=1).encode()}),
    ("label_studio", {"x.jsonl": lines(TASK, TASK), "y.json": json.dumps([TASK, TASK]).encode()}),
    ("label_studio", {"x.jsonl": lines({"text": TEXT, "label": [REGION, PAGE]}, {"text": TEXT})}),
    ("genia", {"x.jsonlines": lines(SENTENCE, SENTENCE, {**SENTENCE, "doc_id": 2})}),
    ("conll", {"x.conll": COLUMNS, "y.tsv": COLUMNS.replace(b"  ", b" ").replace(b" ", b"\t")}),
    ("conllu", {"x.conllu": CONLLU}),
    ("litbank", {"x_brat.tsv": LITBANK}),
    ("inline", {"x.txt": INLINE}),
    ("brat", {"x.txt": TEXT.encode(), "x.ann": BRAT}),
    ("genia_xml", {"x.xml": GENIA}),
    ("ace2005", {"x.sgm": SGML, "x.apf.xml": APF}),
    ("ents", {"x.spacy": docbin()}),
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
    """Put another value, often of another type, in the place of a value in JSON. Change a bit in other files."""
    if content.startswith(b"x\x9c"):
        # A DocBin: a bit of its content. Compressed data have a checksum.
        return zlib.compress(flip(zlib.decompress(content), rng))
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


def read_damaged(name: str, folder: Path, file: str, damaged: bytes) -> None:
    """Read a corpus after one of its files was damaged: only an error with one of our codes may come of it."""
    (folder / file).write_bytes(damaged)
    try:
        for doc in FORMATS[name](folder, NLP, spans_key="sc", problems=Problems()):
            doc.to_bytes()
    except Exception as error:
        if type(error) is not ValueError or not re.match(r"\[B\d{3}\] ", str(error)) or len(str(error)) > 2000:
            raise AssertionError(f"{file} gives {error!r}: {damaged!r}") from error


@pytest.mark.parametrize("name, files", CORPORA, ids=[f"{name} {', '.join(files)}" for name, files in CORPORA])
def test_damaged_files(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    """Each mutation damages one file. The first reading is of the corpus as it is, and has nothing to report."""
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    problems = Problems(strict=True)
    docs = list(FORMATS[name](tmp_path, NLP, spans_key="sc", problems=problems))
    assert sum(len(doc.spans["sc"]) for doc in docs) > 0
    rng = random.Random(os.environ.get("FUZZ_SEED", name))
    for number in range(N_MUTATIONS):
        file = rng.choice(list(files))
        mutate = MUTATIONS[number % len(MUTATIONS)]
        damaged = mutate(files[file], rng)
        read_damaged(name, tmp_path, file, damaged)
        (tmp_path / file).write_bytes(files[file])
