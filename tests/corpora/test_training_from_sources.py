"""Training straight from source files: long documents, empty sources, and a config that names a reader."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import DEMO, ROOT, spans_of
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, registry

NLP = spacy.blank("en")
TWO_SENTENCES = "Anna B-PER\nmet O\nthe O\nBank B-ORG\nof I-ORG\nRiga I-ORG\n\nIt O\nrained O\nin O\nOslo B-GPE\n"


def read(format_: str, path: Path, text: str, **options: Any) -> list[Example]:
    """RETURNS (list[Example]): The examples of a source file with this text."""
    path = path / "x.txt"
    path.write_text(text, encoding="utf8")
    return list(registry.readers.get(f"spacy_binder.{format_}.v1")(path, **options)(NLP))


@pytest.mark.parametrize(
    "max_length, lengths, spans",
    [
        (8, [6, 4], [[(0, 1, "PER"), (3, 6, "ORG")], [(3, 4, "GPE")]]),
        (10, [10], [[(0, 1, "PER"), (3, 6, "ORG"), (9, 10, "GPE")]]),
        # The first sentence is too long. It is cut before the bank.
        (5, [3, 3, 4], [[(0, 1, "PER")], [(0, 3, "ORG")], [(3, 4, "GPE")]]),
    ],
)
def test_long_documents_are_cut_with_their_spans(tmp_path: Path, max_length: int, lengths: list, spans: list) -> None:
    """At sentence starts, in passages as long as possible, and without a warning."""
    examples = read("conll", tmp_path, TWO_SENTENCES, max_length=max_length)
    assert [len(example.reference) for example in examples] == lengths
    assert [spans_of(example.reference) for example in examples] == spans
    assert [example.predicted.text for example in examples] == [example.reference.text for example in examples]


def test_long_documents_without_sentences_are_cut(tmp_path: Path) -> None:
    """spaCy's own corpus leaves them out."""
    text = '{"text": "In Riga it rained.", "spans": [{"start": 3, "end": 7, "label": "GPE"}]}'
    examples = read("jsonl", tmp_path, text, max_length=2)
    assert [spans_of(example.reference) for example in examples] == [[(1, 2, "GPE")], [], []]


def test_spans_that_no_passage_has_whole_are_counted(tmp_path: Path) -> None:
    """Once, after the first complete pass."""
    path = tmp_path / "x.txt"
    path.write_text(TWO_SENTENCES, encoding="utf8")
    corpus = registry.readers.get("spacy_binder.conll.v1")(path, max_length=2)
    with pytest.warns(UserWarning, match=r"BW06\] 1 gold span\(s\) cross.*`max_length` is 2: raise it, or give"):
        examples = list(corpus(NLP))
    assert max(len(example.reference) for example in examples) == 2
    assert len(list(corpus(NLP))) == len(examples)


def test_a_source_without_documents_is_an_error(tmp_path: Path) -> None:
    """The message says what was left out. Documents without tokens are documents, but no examples."""
    with pytest.raises(ValueError, match=r"B047\] There is no document in .*x.txt. Left out: nothing"):
        read("conll", tmp_path, "\n\n")
    text = '{"text": "Riga", "spans": [], "answer": "reject"}\n'
    with pytest.raises(ValueError, match=r"B047\] .*Left out: not accepted 2"):
        read("jsonl", tmp_path, text * 2)
    assert read("inline", tmp_path, "") == []


def test_a_negative_length_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B007\] `max_length` has to be at least 0, but is -1"):
        read("conll", tmp_path, "", max_length=-1)


# It has learned nothing after two steps.
@pytest.mark.filterwarnings("ignore:.BW04")
def test_training_from_source_files(tiny_encoder: str, tmp_path: Path) -> None:
    """Labels, examples and scores come from the files."""
    config = load_config(ROOT / "configs" / "binder.cfg")
    document = DEMO / "documents" / "news-01.txt"
    reader = {"@readers": "spacy_binder.inline.v1", "path": str(document), "strict": True}
    chunks = {"@augmenters": "spacy_binder.chunk_docs.v1", "max_tokens": 100}
    config["corpora"] = {"train": {**reader, "augmenter": chunks}, "dev": reader}
    config["training"].update(max_steps=2, eval_frequency=1)
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": None}
    config["initialize"]["components"]["binder_ner"] = {}
    for encoder in ("text_encoder", "type_encoder"):
        config["components"]["binder_ner"]["model"][encoder]["name"] = tiny_encoder
    nlp, _ = train(init_nlp(config), tmp_path)
    assert "GPE" in nlp.get_pipe("binder_ner").labels
    assert (tmp_path / "model-last").is_dir()
