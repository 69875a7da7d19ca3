"""GENIA: JSON lines with mentions, JSON with sentences and ners, and its own XML."""

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import SHARED, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.corpora.dygie import read_dygie
from spacy_binder.corpora.genia import read_genia
from spacy_binder.corpora.genia_xml import read_genia_xml
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")


def sentence(words: str, *mentions: tuple[int, int, str], doc_id: str = "") -> dict[str, Any]:
    """RETURNS (dict): A sentence as GENIA's JSON lines have it."""
    found = [{"start": start, "end": end, "entity_type": label} for start, end, label in mentions]
    return {"tokens": words.split(), "entity_mentions": found, **({"doc_id": doc_id} if doc_id else {})}


def write(path: Path, values: list[dict], array: bool = False) -> Path:
    """Write objects, one per line or as an array."""
    path = path / "x.jsonlines" if path.is_dir() else path
    path.write_text(json.dumps(values) if array else "\n".join(map(json.dumps, values)), encoding="utf8")
    return path


SENTENCES = [
    sentence("NF-kappa B gene", (0, 2, "protein"), (0, 3, "DNA"), doc_id="1"),
    sentence("in T cells", (1, 3, "cell_type"), doc_id="1"),
    sentence("None here", doc_id="2"),
]


def test_genia_joins_abstracts(tmp_path: Path) -> None:
    path = write(tmp_path, SENTENCES)
    first, second = read_genia(path, NLP, problems=Problems(strict=True))
    assert spans_of(first) == [(0, 3, "DNA"), (0, 2, "protein"), (4, 6, "cell_type")]
    assert [len(sentence) for sentence in first.sents] == [3, 3]
    assert ([token.text for token in second], spans_of(second)) == (["None", "here"], [])


def test_genia_sentences_without_a_name_are_documents(tmp_path: Path) -> None:
    """Also beside one whose name is a number."""
    path = write(tmp_path, [sentence("a", doc_id=1), sentence("b"), sentence("c")])
    assert [len(doc) for doc in read_genia(path, NLP, problems=Problems())] == [1, 1, 1]


def test_genia_documents_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, SENTENCES)
    (tmp_path / "names.txt").write_text("2\n", encoding="utf8")
    docs = read_genia(path, NLP, problems=Problems(), names=tmp_path / "names.txt")
    assert [doc[0].text for doc in docs] == ["None"]


def test_genia_sentences_apart(tmp_path: Path) -> None:
    path = write(tmp_path, SENTENCES)
    assert [len(doc) for doc in read_genia(path, NLP, problems=Problems(), join=False)] == [3, 3, 2]
    path = write(tmp_path, [sentence("a"), sentence("b")])
    assert [len(doc) for doc in read_genia(path, NLP, problems=Problems())] == [1, 1]


def test_genia_counts_what_is_out_of_range(tmp_path: Path) -> None:
    """A span beyond the document. The reported line is that of the sentence."""
    path = write(tmp_path, [sentence("a b", doc_id="1"), sentence("c", (0, 2, "DNA"), (0, 1, "DNA"), doc_id="1")])
    problems = Problems()
    [doc] = read_genia(path, NLP, problems=problems)
    assert spans_of(doc) == [(2, 3, "DNA")]
    assert [(p.line, p.text) for p in problems.first["out of range"]] == [(2, "DNA at 2:4")]


@pytest.mark.parametrize(
    "value",
    [
        {"tokens": ["a"]},
        {"tokens": ["a", ""], "entity_mentions": []},
        {"tokens": "a", "entity_mentions": []},
        {"tokens": ["a"], "entity_mentions": [{"start": 0, "end": 1}]},
        {"tokens": ["a"], "entity_mentions": [{"start": False, "end": True, "entity_type": "X"}]},
        {"tokens": ["a"], "entity_mentions": [], "doc_id": ["1"]},
        {"tokens": ["\ud800"], "entity_mentions": []},
    ],
)
def test_genia_wrong_record(tmp_path: Path, value: dict) -> None:
    """It costs itself: it is counted with its line. A file of nothing else is an error."""
    problems = Problems()
    docs = list(read_genia(write(tmp_path, [SENTENCES[0], value]), NLP, problems=problems))
    assert [len(doc) for doc in docs] == [3]
    assert [(p.line, p.kind) for found in problems.first.values() for p in found] == [(2, "wrong record")]
    with pytest.raises(ValueError, match=r"B013\] .*x.jsonlines, line 1: .*Expected "):
        list(read_genia(write(tmp_path, [value]), NLP, problems=Problems()))


WORDS = st.lists(st.sampled_from(["a", "bc", "NF-kappa", "(", "\u00e9"]), min_size=1, max_size=6)


@st.composite
def documents(draw: st.DrawFn) -> list[list[tuple[list[str], list[tuple[int, int, str]]]]]:
    """Documents of sentences of words and spans."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        document = []
        for words in draw(st.lists(WORDS, min_size=1, max_size=3)):
            span = st.tuples(st.integers(0, len(words) - 1), st.integers(1, 3), st.sampled_from(["X", "Y"]))
            spans = {(start, min(start + n, len(words)), label) for start, n, label in draw(st.lists(span, max_size=4))}
            document.append((words, sorted(spans, key=lambda s: (s[0], -s[1], s[2]))))
        found.append(document)
    return found


def gold(document: list) -> tuple[list[str], list[tuple[int, int, str]]]:
    """RETURNS (tuple): The words of a document, and its spans."""
    words: list[str] = []
    spans = []
    for sentence_words, found in document:
        spans += [(len(words) + start, len(words) + end, label) for start, end, label in found]
        words += sentence_words
    return words, spans


@settings(max_examples=40, deadline=None, database=None)
@given(docs=documents(), array=st.booleans())
def test_genia_round_trip(docs: list, array: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    values = [
        sentence(" ".join(words), *spans, doc_id=str(i)) for i, document in enumerate(docs) for words, spans in document
    ]
    path = write(tmp_path_factory.mktemp("genia") / "x.json", values, array)
    found = list(read_genia(path, NLP, problems=Problems(strict=True)))
    assert [([token.text for token in doc], spans_of(doc)) for doc in found] == list(map(gold, docs))


@settings(max_examples=40, deadline=None, database=None)
@given(docs=documents(), offsets=st.sampled_from(["document", "sentence"]), key=st.sampled_from(["ner", "ners"]))
def test_dygie_round_trip(docs: list, offsets: str, key: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    values = []
    for document in docs:
        entities, n = [], 0
        for words, spans in document:
            shift = n if offsets == "document" else 0
            entities.append([[shift + start, shift + end - 1, label] for start, end, label in spans])
            n += len(words)
        values.append({"sentences": [words for words, _ in document], key: entities})
    path = write(tmp_path_factory.mktemp("dygie") / "x.json", values)
    found = list(read_dygie(path, NLP, problems=Problems(strict=True), offsets=offsets))
    assert [([token.text for token in doc], spans_of(doc)) for doc in found] == list(map(gold, docs))
    assert [len(list(doc.sents)) for doc in found] == list(map(len, docs))


@pytest.mark.parametrize(
    "key, second, expected",
    [
        ("ners", [[0, 1, "X"]], (3, 5, "X")),
        ("ner", [[3, 4, "X"]], (3, 5, "X")),
        ("ners", [[3, 4, "X"]], (3, 5, "X")),
        ("ner", [[0, 1, "X"]], (3, 5, "X")),
        # Both ways fit: the key decides.
        ("ners", [[3, 3, "X"]], (6, 7, "X")),
        ("ner", [[3, 3, "X"]], (3, 4, "X")),
    ],
)
def test_dygie_tells_how_tokens_are_counted(tmp_path: Path, key: str, second: list, expected: tuple) -> None:
    value = {"sentences": [["a", "b", "c"], ["d", "e", "f", "g"]], key: [[], second]}
    [doc] = read_dygie(write(tmp_path, [value]), NLP, problems=Problems(strict=True))
    assert spans_of(doc) == [expected]


@pytest.mark.parametrize(
    "value",
    [
        {"sentences": [["a"]]},
        {"sentences": [["a"]], "ners": []},
        {"sentences": ["a"], "ners": [[]]},
        {"sentences": [["a"]], "ner": [[[0, 0]]]},
        {"sentences": [["a"]], "ner": [[[0, "0", "X"]]]},
    ],
)
def test_dygie_errors(tmp_path: Path, value: dict) -> None:
    with pytest.raises(
        ValueError, match=r"B013\] .*x.jsonlines, line 1: an object with sentences.*Expected .*first, last"
    ):
        list(read_dygie(write(tmp_path, [value]), NLP, problems=Problems()))


def test_dygie_unknown_offsets(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B016\] Unknown offsets 'token'.*document, sentence"):
        list(read_dygie(tmp_path, NLP, problems=Problems(), offsets="token"))


XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE set SYSTEM "gpml.dtd">
<set>
<article>
<articleinfo>
<bibliomisc>MEDLINE:00000001</bibliomisc>
</articleinfo>
<title>
<sentence><cons lex="IL-2_gene" sem="G#DNA_domain_or_region"><cons lex="IL-2" sem="G#protein_molecule">IL-2</cons>
gene</cons> in <cons lex="T_cell" sem="G#cell_type">T cells</cons></sentence>
</title>
<abstract>
<sentence>The <cons lex="(AND a_site b_site)" sem="(AND G#DNA_domain_or_region G#DNA_domain_or_region)"><cons
lex="a*">alpha</cons> and <cons lex="b*">beta</cons> <cons lex="*site">sites</cons></cons> &lt; 5.</sentence>
<sentence><cons lex="x" sem="G#other_name">Growth</cons> of <cons lex="(AND x y)"
sem="(AND G#other_name G#other_name)">x and y</cons> and <cons lex="J" sem="G#cell_line">Jurkat</cons>s
with <cons lex="m" sem="G#RNA_molecule">mRNA</cons>.</sentence>
</abstract>
</article>
<article>
<articleinfo><bibliomisc>MEDLINE:00000002</bibliomisc></articleinfo>
<title><sentence>None here</sentence></title>
</article>
</set>
"""


def test_genia_xml(tmp_path: Path) -> None:
    """Five types, nested spans, whitespace as one space. What is left out is counted."""
    path = tmp_path / "x.xml"
    path.write_text(XML, encoding="utf8")
    problems = Problems()
    first, second = read_genia_xml(path, NLP, problems=problems)
    assert first.text == (
        "IL-2 gene in T cells\nThe alpha and beta sites < 5. Growth of x and y and Jurkats with mRNA."
    )
    spans = [(span.text, span.label_) for span in first.spans["sc"]]
    assert spans == [("IL-2 gene", "DNA"), ("IL-2", "protein"), ("T cells", "cell_type"), ("mRNA", "RNA")]
    assert [sentence.text.strip() for sentence in first.sents] == [
        "IL-2 gene in T cells",
        "The alpha and beta sites < 5.",
        "Growth of x and y and Jurkats with mRNA.",
    ]
    assert problems.counts == {"coordinated": 1, "other type": 2, "misaligned": 1}
    assert [(p.line, p.text) for p in problems.first["coordinated"]] == [(13, "alpha and beta sites")]
    assert [(p.line, p.text) for p in problems.first["misaligned"]] == [(16, "Jurkat")]
    assert (second.text, spans_of(second)) == ("None here", [])


def test_genia_xml_all_classes(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text(XML, encoding="utf8")
    first, _ = read_genia_xml(tmp_path, NLP, problems=(problems := Problems()), all_types=True)
    labels = [span.label_ for span in first.spans["sc"]]
    assert labels == ["DNA_domain_or_region", "protein_molecule", "cell_type", "other_name", "RNA_molecule"]
    assert problems.counts == {"coordinated": 2, "misaligned": 1}


# Ten levels of entities, each ten times the one before it.
BOMB = '<!ENTITY a "ten letters">\n' + "".join(
    f'<!ENTITY {name} "{f"&{inner};" * 10}">\n' for inner, name in pairwise("abcdefghijk")
)


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("<set>\n<article>\n</set>", 3, "not XML"),
        ("<set>\n<article>\n", 3, "not XML"),
        ("<set>\n<x/>\n</set>\n", 1, "no <article>"),
        ("<set>\n<article>\n</article>\n</set>", 2, "an <article> without <title> and <abstract>"),
        ("no XML", 1, "not XML"),
        ("<set>\n<article>" + "\n<cons>" * 5000, 101, "101 elements inside each other"),
        (f"<!DOCTYPE set [\n{BOMB}]>\n<set>&k;</set>", 14, "not XML .*amplification"),
    ],
    ids=["end tag", "no end", "no article", "no section", "text", "too deep", "too many entities"],
)
def test_genia_xml_errors(tmp_path: Path, text: str, line: int, problem: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*x.xml, line {line}: {problem}.*Expected GENIA's XML"):
        list(read_genia_xml(path, NLP, problems=Problems()))


def test_genia_xml_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Even if an element says otherwise. An empty sentence leaves no trace."""
    path = tmp_path / "x.xml"
    text = '<set><article line="9"><title><sentence/></title><abstract>\n<sentence line="x">A <cons line="y" sem='
    path.write_text(
        f'{text}"G#protein_x">w</cons>s</sentence><sentence> </sentence>\n<sentence>B</sentence>'
        "</abstract></article></set>",
        encoding="utf8",
    )
    [doc] = read_genia_xml(path, NLP, problems=(problems := Problems()))
    assert (doc.text, len(list(doc.sents))) == ("A ws B", 2)
    assert [(p.line, p.text) for p in problems.first["misaligned"]] == [(2, "w")]


def test_genia_xml_long_article_in_little_time(tmp_path: Path) -> None:
    """The text is put together once, and may be longer than spaCy's parsers take."""
    n = 20_000
    sentence_of_xml = f'<sentence>{"w" * 60} <cons sem="G#protein_x">x</cons></sentence>\n'
    path = tmp_path / "x.xml"
    path.write_text(f"<set><article><abstract>{sentence_of_xml * n}</abstract></article></set>", encoding="utf8")
    started = time.process_time()
    [doc] = read_genia_xml(path, NLP, problems=Problems(strict=True))
    assert (len(doc.spans["sc"]), len(doc.text)) == (n, 63 * n - 1)
    assert time.process_time() - started < 5


@settings(max_examples=40, deadline=None, database=None)
@given(docs=documents())
def test_genia_xml_round_trip(docs: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nested spans. Words are separated, so that the tokenizer finds them again."""
    text, expected = "<set>\n", []
    for document in docs:
        sentences, spans, plain = [], [], ""
        for words, found in document:
            words = [f"w{i}" for i in range(len(words))]
            nested = [
                a for a in found if not any(a[0] < b[0] < a[1] < b[1] or b[0] < a[0] < b[1] < a[1] for b in found)
            ]
            pieces = []
            for i, word in enumerate(words):
                opening = "".join(f'<cons sem="G#{label}">' for start, _, label in nested if start == i)
                pieces.append(opening + word + "</cons>" * sum(end == i + 1 for _, end, _ in nested))
            offset = len(plain.split())
            spans += [(offset + start, offset + end, label) for start, end, label in nested]
            sentences.append(f"<sentence>{' '.join(pieces)}</sentence>")
            plain += " ".join(["", *words])
        text += f"<article><abstract>{''.join(sentences)}</abstract></article>\n"
        expected.append((plain.strip(), spans))
    path = tmp_path_factory.mktemp("xml") / "x.xml"
    path.write_text(text + ("</set>" if docs else "<article><title/></article></set>"), encoding="utf8")
    found = read_genia_xml(path, NLP, problems=Problems(strict=True), all_types=True)
    assert [(doc.text, spans_of(doc)) for doc in found] == (expected or [("", [])])


@pytest.mark.skipif(not (SHARED / "genia").exists(), reason="GENIA is not in the repository")
def test_genia_counts() -> None:
    """Abstracts, sentences and mentions of the dev part."""
    docs = list(read_genia(SHARED / "genia", NLP, problems=Problems(strict=True)))
    n_sentences = sum(1 for doc in docs for _ in doc.sents)
    assert (len(docs), n_sentences, sum(len(doc.spans["sc"]) for doc in docs)) == (199, 1765, 4714)
