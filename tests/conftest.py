"""Shared fixtures: the embedded encoder, a tiny one with random weights, and pipelines trained on real text."""

import os
from collections.abc import Iterator
from pathlib import Path

# Read by transformers when it is imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from transformers import AutoTokenizer, BertConfig, BertModel

from spacy_binder.config import find_encoder
from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.problems import Problems

ROOT = Path(__file__).parents[1]
ASSETS = Path(__file__).parent / "assets"
DEMO = ROOT / "project" / "assets" / "demo"
SHARED = ROOT.parent / "shared" / "data"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of the embedded encoder."""
    return find_encoder(MINILM)[0]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, minilm: str) -> str:
    """A folder with a BERT of 2 layers and 32 dimensions: random weights, MiniLM's tokenizer."""
    folder = str(tmp_path_factory.mktemp("tiny_encoder"))
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def binder_config(encoder: str, **settings: object) -> dict:
    """The component's config with another encoder; settings are those of the component itself."""
    return {"model": {"text_encoder": {"name": encoder}, "type_encoder": {"name": encoder}}, **settings}


def demo_examples(nlp: Language, names: list[str], max_sentences: int = 0) -> list[Example]:
    """Documents of the demo corpus as examples; with max_sentences only their beginnings."""
    examples = []
    for name in names:
        [gold] = read_inline(DEMO / "documents" / f"{name}.txt", nlp, problems=Problems(strict=True))
        if max_sentences:
            end = list(gold.sents)[max_sentences - 1].end
            head = gold[:end].as_doc()
            spans = [span for span in gold.spans["sc"] if span.end <= end]
            head.spans["sc"] = [head.char_span(s.start_char, s.end_char, label=s.label) for s in spans]
            gold = head
        predicted = Doc(nlp.vocab, words=[t.text for t in gold], spaces=[bool(t.whitespace_) for t in gold])
        examples.append(Example(predicted, gold))
    return examples


def spans_of(doc: Doc, key: str = "sc") -> list[tuple[int, int, str]]:
    """First token, end and label of each span of a group, in its order."""
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


@pytest.fixture
def tiny_nlp(tiny_encoder: str) -> Language:
    """An initialized pipeline with the tiny encoder and the labels of the demo corpus; it has learned nothing."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = demo_examples(nlp, ["news-01"])
    nlp.initialize(lambda: examples)
    return nlp


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A pipeline that has learned eight sentences by heart, on disk, and these sentences as DocBin."""
    folder = tmp_path_factory.mktemp("trained")
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    config = binder_config(MINILM)
    config["model"]["scorer"] = {"learn_rate_scale": 10.0}
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01", "science-01"], max_sentences=4)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 2e-4
    for _ in range(40):
        nlp.update(examples, sgd=optimizer, drop=0.1)
    nlp.to_disk(folder / "model")
    DocBin(docs=[example.reference for example in examples]).to_disk(folder / "data.spacy")
    yield folder / "model", folder / "data.spacy"
