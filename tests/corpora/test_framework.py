"""What all readers share: problems, spans, files, registered readers, the table of formats."""

import json
import re
from pathlib import Path

import pytest
import spacy
from conftest import spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.util import registry
from thinc.api import Config
from thinc.config import ConfigValidationError

from spacy_binder.corpora import json_values
from spacy_binder.corpora.files import source_files
from spacy_binder.corpora.formats import FORMATS
from spacy_binder.corpora.json_values import json_objects
from spacy_binder.corpora.problems import KINDS, Problem, Problems
from spacy_binder.corpora.source import reader_options
from spacy_binder.corpora.spans import Annotation, set_spans_by_characters, set_spans_by_tokens

NLP = spacy.blank("en")
PATH = Path("x.txt")


def test_problems_are_counted_and_the_first_kept() -> None:
    problems = Problems(keep=2)
    for line in range(1, 5):
        problems.add("misaligned", PATH, line, "a" * line)
    problems.add("empty", PATH, 9, "b" * 99)
    assert problems.counts == {"misaligned": 4, "empty": 1}
    assert problems.first["misaligned"] == [Problem("misaligned", PATH, 1, "a"), Problem("misaligned", PATH, 2, "aa")]
    assert [len(problem.text) for problem in problems.first["empty"]] == [60]
    first = "'a' (x.txt, line 1); 'aa' (x.txt, line 2)"
    assert problems.rows()[0] == ("misaligned", "4", "begins or ends inside a token, and is left out", first)
    with pytest.warns(UserWarning, match=r"BW09\] 5 annotation\(s\) under x.txt .*misaligned 4, empty 1\. .*line 2"):
        problems.warn(PATH)


def test_no_problem_no_warning() -> None:
    Problems().warn(PATH)


@pytest.mark.parametrize("kind", KINDS)
def test_strict_makes_the_first_problem_an_error(kind: str) -> None:
    problems = Problems(strict=True)
    problems.add(kind, PATH, 3, "Riga", intended=True)
    with pytest.raises(ValueError, match=r"B028\] x.txt, line 3: 'Riga' .*strict"):
        problems.add(kind, PATH, 3, "Riga")
    assert problems.counts == {kind: 1}


# Text "In Riga it rained.": In 0-2, Riga 3-7, it 8-10, rained 11-17, . 17-18
CHARACTERS = [
    ((3, 7, "GPE"), None, (1, 2, "GPE")),
    ((0, 18, "X"), None, (0, 5, "X")),
    ((3, 6, "GPE"), "misaligned", None),
    ((4, 8, "GPE"), "misaligned", None),
    ((2, 8, "GPE"), "trimmed", (1, 2, "GPE")),
    ((2, 3, "GPE"), "empty", None),
    ((3, 3, "GPE"), "empty", None),
    ((7, 3, "GPE"), "inverted", None),
    ((11, 19, "GPE"), "out of range", None),
    ((-3, 2, "GPE"), "out of range", None),
    ((3, 7, ""), "no label", None),
]


@pytest.mark.parametrize("annotation, kind, span", CHARACTERS)
def test_spans_by_characters(annotation: tuple, kind: str | None, span: tuple | None) -> None:
    doc, problems = NLP.make_doc("In Riga it rained."), Problems()
    set_spans_by_characters(doc, [Annotation(*annotation, 4)], spans_key="gold", path=PATH, problems=problems)
    assert spans_of(doc, "gold") == ([span] if span else [])
    assert problems.counts == ({kind: 1} if kind else {})


@pytest.mark.parametrize(
    "annotation, kind",
    [
        ((1, 2, "GPE"), None),
        ((1, 1, "GPE"), "empty"),
        ((2, 1, "GPE"), "inverted"),
        ((4, 6, "GPE"), "out of range"),
        ((-1, 1, "GPE"), "out of range"),
        ((1, 2, ""), "no label"),
    ],
)
def test_spans_by_tokens(annotation: tuple, kind: str | None) -> None:
    doc, problems = NLP.make_doc("In Riga it rained."), Problems()
    set_spans_by_tokens(doc, [Annotation(*annotation, 4)], spans_key="gold", path=PATH, problems=problems)
    assert spans_of(doc, "gold") == ([] if kind else [annotation])
    assert problems.counts == ({kind: 1} if kind else {})


def test_spans_are_in_order_and_once() -> None:
    """Sorted by first token, outer spans first, then by label. The same extent may have two labels."""
    doc, problems = NLP.make_doc("a b c"), Problems()
    found = [(1, 2, "Z"), (0, 1, "X"), (1, 2, "Y"), (0, 3, "X"), (0, 1, "X")]
    annotations = [Annotation(*span, line) for line, span in enumerate(found, start=1)]
    set_spans_by_tokens(doc, annotations, spans_key="sc", path=PATH, problems=problems)
    assert spans_of(doc) == [(0, 3, "X"), (0, 1, "X"), (1, 2, "Y"), (1, 2, "Z")]
    assert problems.first == {"duplicate": [Problem("duplicate", PATH, 5, "a")]}


def test_source_files(tmp_path: Path) -> None:
    """A file with any name, or the files of a folder and its subfolders, sorted, without hidden ones."""
    for name in ("b.tsv", "a.tsv", "c.txt", ".hidden.tsv", "sub/d.tsv", ".git/e.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [file.name for file in source_files(tmp_path, (".tsv",))] == ["a.tsv", "b.tsv", "d.tsv"]
    assert source_files(tmp_path / "c.txt", (".tsv",)) == [tmp_path / "c.txt"]
    with pytest.raises(ValueError, match=r"B029\] .* contains no file that ends in .xml or .sgm"):
        source_files(tmp_path, (".xml", ".sgm"))
    with pytest.raises(ValueError, match=r"B030\] There is no file or folder .*nowhere"):
        source_files(tmp_path / "nowhere", (".tsv",))


JSON = st.dictionaries(
    st.text(max_size=4), st.text(max_size=30) | st.integers(-9, 10**6) | st.lists(st.text()), max_size=3
)


@settings(max_examples=40, deadline=None, database=None)
@given(values=st.lists(JSON, max_size=6), indent=st.sampled_from([None, 2]), chunk=st.integers(1, 40))
def test_json_arrays_are_read_in_pieces(
    values: list[dict], indent: int | None, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A piece may end anywhere, even inside an object."""
    path = tmp_path_factory.mktemp("json") / "x.json"
    text = json.dumps(values, indent=indent)
    path.write_text(f"  {text}", encoding="utf8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "CHUNK", max(chunk, 3))
        found = list(json_objects(path))
    assert [value for _, value in found] == values
    lines = text.split("\n")
    assert all(lines[line - 1].endswith(("{", "{}", "{},", "]")) or indent is None for line, _ in found)
    path.write_text("\n\n".join(map(json.dumps, values)), encoding="utf8")
    assert list(json_objects(path)) == [(2 * i + 1, value) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ('{"a": 1}\n{"a": }\n', 2, r"not JSON"),
        ('{"a": 1}\n[2]\n', 2, r"\[2\]\. Expected one JSON object"),
        ('[{"a": 1},\n{"a": }]', 2, r"not JSON"),
        ('[{"a": 1},\n\n3]', 3, r"3\. Expected one JSON object"),
        ('[{"a": 1}\n', 2, r"not JSON"),
        ("no JSON", 1, r"not JSON"),
        (b'{"a": 1}\n{"a": "\xff"}', 2, r".*Expected text in UTF-8"),
        (b'[{"a": "\xff"}]', 1, r".*Expected text in UTF-8"),
    ],
)
def test_json_errors(tmp_path: Path, text: str | bytes, line: int, problem: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"B013\] .*x.json, line {line}: {problem}"):
        list(json_objects(path))


SHARED_OPTIONS = {"spans_key": "sc", "strict": False, "max_length": 0, "augmenter": None, "annotated": None}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_registered(name: str) -> None:
    """With the options of its reader and their defaults. What a config says arrives there."""
    config = {"@readers": f"spacy_binder.{name}.v1", "path": "x"}
    own = reader_options(FORMATS[name])
    assert registry.fill({"corpus": config})["corpus"] == {**config, **SHARED_OPTIONS, **own}
    others = {bool: lambda old: not old, int: lambda old: old + 1, str: lambda old: f"{old}x"}
    changed = {option: others.get(type(default), lambda _: "y.txt")(default) for option, default in own.items()}
    if "tag_columns" in own:
        changed["tag_columns"] = [1, 2]
    shared = {"spans_key": "gold", "strict": True, "max_length": 9}
    corpus = registry.resolve({"corpus": {**config, **shared, **changed}})["corpus"]
    assert (corpus.read, corpus.path, corpus.options) == (FORMATS[name], Path("x"), changed)
    assert {option: getattr(corpus, option) for option in shared} == shared


@pytest.mark.parametrize("name", FORMATS)
def test_options_have_types_and_docs(name: str) -> None:
    """A list fits none of the options, and one of numbers not the labels. Docstrings name own options and defaults."""
    own = reader_options(FORMATS[name])
    for option in {**SHARED_OPTIONS, **own}:
        wrong = [3] if option == "annotated" else ["x"]
        config = {"@readers": f"spacy_binder.{name}.v1", "path": "x", option: wrong}
        with pytest.raises(ConfigValidationError, match=option):
            registry.resolve({"corpus": config})
    docs = registry.readers.get(f"spacy_binder.{name}.v1").__doc__
    for option, default in own.items():
        shown = json.dumps(default) if isinstance(default, str) else default
        assert re.search(rf"^    {option} \(.+\): .*Defaults\s+to\s+{shown}[.:,]", docs, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_where_there_is_nothing(name: str, tmp_path: Path) -> None:
    # A dataset of Hugging Face is a folder, not a file with a suffix.
    with pytest.raises(ValueError, match=r"B037\]" if name == "huggingface" else r"B029\]"):
        list(FORMATS[name](tmp_path, NLP, spans_key="sc", problems=Problems()))
    with pytest.raises(ValueError, match=r"B030\]"):
        list(FORMATS[name](tmp_path / "x", NLP, spans_key="sc", problems=Problems()))


CORPUS = """
[corpora]

[corpora.train]
@readers = "spacy_binder.inline.v1"
path = {path}

[corpora.train.augmenter]
@augmenters = "spacy_binder.chunk_docs.v1"
max_tokens = 4
"""


def test_registered_reader_yields_examples(tmp_path: Path) -> None:
    """Augmented, and read again at each pass. One warning says what was left out."""
    (tmp_path / "a.txt").write_text("In [GPE Riga] it rained.\nIt did.\n[X no]thing", encoding="utf8")
    config = Config().from_str(CORPUS.format(path=json.dumps(str(tmp_path))))
    corpus = registry.resolve(config)["corpora"]["train"]
    with pytest.warns(UserWarning, match=r"BW09\] 1 annotation\(s\) .*misaligned: 'no' \(a.txt, line 3\)"):
        examples = list(corpus(NLP))
    assert [len(example.reference) for example in examples] == [4, 4, 1]
    assert [spans_of(example.reference) for example in examples] == [[(1, 2, "GPE")], [], []]
    assert len(list(corpus(NLP))) == len(examples)


def test_registered_reader_is_strict_if_asked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("[X no]thing", encoding="utf8")
    corpus = registry.readers.get("spacy_binder.inline.v1")(tmp_path, strict=True)
    with pytest.raises(ValueError, match=r"B028\] .*a.txt, line 1: 'no' begins or ends inside a token"):
        list(corpus(NLP))


@pytest.mark.parametrize(
    ("annotated", "said"), [(["GPE", "ORG"], ["GPE", "ORG"]), ({"GPE": "countries"}, ["GPE"]), ("found", ["GPE"])]
)
def test_registered_reader_says_what_was_annotated(tmp_path: Path, annotated: object, said: list[str]) -> None:
    """In each passage, also in those without a span."""
    (tmp_path / "a.txt").write_text("In [GPE Riga] it rained.\nIt did.", encoding="utf8")
    config = {"@readers": "spacy_binder.inline.v1", "path": str(tmp_path), "annotated": annotated, "max_length": 5}
    corpus = registry.resolve({"corpus": config})["corpus"]
    for _ in range(2):
        examples = list(corpus(NLP))
        assert [spans_of(example.reference) for example in examples] == [[(1, 2, "GPE")], []]
        assert [example.reference.spans["sc"].attrs for example in examples] == [{"labels": said}] * 2


def test_registered_reader_stops_at_other_types(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("In [GPE Riga] it rained.", encoding="utf8")
    make = registry.readers.get("spacy_binder.inline.v1")
    with pytest.raises(ValueError, match=r"B068.*'Riga' \(tokens 1:2\) has the label 'GPE'.*: ORG\."):
        list(make(tmp_path, annotated=["ORG"])(NLP))
    with pytest.raises(ValueError, match=r"B049.*`annotated` of a reader.*\"found\", but is 'GPE'"):
        make(tmp_path, annotated="GPE")


def test_registered_reader_needs_a_path() -> None:
    with pytest.raises(ValueError, match=r"E913"):
        registry.readers.get("spacy_binder.inline.v1")(None)
