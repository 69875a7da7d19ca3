"""Shared fixtures: the embedded encoder, a tiny one with random weights, and pipelines trained on real text."""

import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path

# Read by transformers and torch when they are imported, here and in processes that tests start.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Several tests run at once.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import spacy
import torch
from filelock import FileLock
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertConfig, BertModel

from spacy_binder.config import find_encoder
from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.problems import Problems

# Shared transformers are those of spacy-transformers, which does not work with transformers 5 yet.
SHARED_TRANSFORMERS = [
    "test_listener.py",
    "test_transformer_copy.py",
    "test_shared_transformer.py",
    "test_replaced_listener.py",
]
collect_ignore_glob = [] if find_spec("spacy_transformers") else [f"*/{name}" for name in SHARED_TRANSFORMERS]

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
def small_encoder(tmp_path_factory: pytest.TempPathFactory, minilm: str) -> str:
    """A folder with the first and the last layer of MiniLM, and those of its wordpieces that the demo corpus has."""
    folder = str(tmp_path_factory.mktemp("small_encoder"))
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    texts = [path.read_text(encoding="utf8") for path in (DEMO / "documents").glob("*.txt")]
    used = {*tokenizer.all_special_ids}.union(*tokenizer(texts, verbose=False).input_ids)
    # Single characters, so that there is no word without wordpieces.
    vocab = sorted(tokenizer.vocab.items(), key=itemgetter(1))
    kept = {name: i for name, i in vocab if i in used or len(name.removeprefix("##")) == 1}
    places = {name: place for place, name in enumerate(kept)}
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["model"]["vocab"] = places
    for token in content["added_tokens"]:
        token["id"] = places[token["content"]]
    for name, token in content["post_processor"]["special_tokens"].items():
        token["ids"] = [places[name]]
    type(tokenizer)(tokenizer_object=Tokenizer.from_str(json.dumps(content))).save_pretrained(folder)
    model = BertModel.from_pretrained(minilm)
    model.encoder.layer = torch.nn.ModuleList([model.encoder.layer[0], model.encoder.layer[-1]])
    vectors = model.get_input_embeddings().weight[list(kept.values())].detach()
    model.set_input_embeddings(torch.nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=places["[PAD]"]))
    model.config.update({"num_hidden_layers": 2, "vocab_size": len(kept)})
    model.save_pretrained(folder)
    return folder


def train_by_heart(encoder: str, n_updates: int, learn_rate: float) -> tuple[Language, list[Example]]:
    """RETURNS (tuple): A pipeline that has learned eight sentences by heart, and these sentences."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    config = binder_config(encoder)
    config["model"]["scorer"] = {"learn_rate_scale": 10.0}
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01", "science-01"], max_sentences=4)
    optimizer = nlp.initialize(lambda: examples)
    for i in range(n_updates):
        optimizer.learn_rate = learn_rate * (1 - i / n_updates)
        nlp.update(examples, sgd=optimizer, drop=0.1)
    return nlp, examples


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, small_encoder: str) -> tuple[Path, Path]:
    """A pipeline that has learned eight sentences by heart, on disk, and these sentences as DocBin.

    It is trained once. With pytest-xdist the other processes wait for the first one.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    model, data = folder / "trained", folder / "trained.spacy"
    with FileLock(folder / "trained.lock"):
        # The data are written last.
        if not data.exists():
            nlp, examples = train_by_heart(small_encoder, n_updates=30, learn_rate=5e-4)
            nlp.to_disk(model)
            DocBin(docs=[example.reference for example in examples]).to_disk(data)
    return model, data


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A folder on a disk of 8 MB, and what makes the disk larger or smaller: "200k".

    Where nothing can be mounted, it is the size of a file of this process that is limited.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: str) -> None:
        n_bytes = int(size[:-1]) * {"k": 1 << 10, "m": 1 << 20}[size[-1]]
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))

    def remount(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)

    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    try:
        yield disk, limit if mounted.returncode else remount
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        if mounted.returncode == 0:
            subprocess.run(["umount", str(disk)], check=True)
