"""What `binder_paper.cfg` does as the published code does. See also the tests of its settings."""

from typing import Any

import pytest
import torch
from conftest import ROOT
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import set_dropout_rate

from spacy_binder.descriptions import TypeWords
from spacy_binder.layers.types import BinderInput
from spacy_binder.spans.targets import make_targets

BLOCK = "components.binder_ner.model.text_encoder"
# Ten words of one wordpiece, and [CLS] and [SEP].
WINDOW, N_WORDS = 12, 10


pytestmark = pytest.mark.filterwarnings("ignore:.BW06")


@pytest.fixture
def nlp(tiny_encoder: str) -> Language:
    """The pipeline of the config, with a tiny encoder and short windows without overlap."""
    overrides = {f"{BLOCK}.name": tiny_encoder, f"{BLOCK}.window": WINDOW, f"{BLOCK}.stride": 0}
    augmenter = {"name": tiny_encoder, "window": WINDOW, "stride": 0}
    overrides |= {f"corpora.train.augmenter.{key}": value for key, value in augmenter.items()}
    return load_model_from_config(load_config(ROOT / "configs" / "binder_paper.cfg", overrides=overrides))


def make_example(nlp: Language) -> Example:
    """RETURNS (Example): Twenty words, and gold spans of which the second is cut by the first window."""
    words = list("abcdefghijklmnopqrst")
    reference = Doc(nlp.vocab, words=words)
    reference.spans["sc"] = [Span(reference, *border, label="X") for border in ((0, 2), (8, 12), (15, 17))]
    return Example(Doc(nlp.vocab, words=words), reference)


def position_gradients(nlp: Language, examples: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """RETURNS (tuple): Gradients of the logits of starts and ends, in the order of the words."""
    pipe: Any = nlp.get_pipe("binder_ner")
    pipe.add_label("X")
    pipe.model.initialize()
    set_dropout_rate(pipe.model, 0.0)
    docs = [example.predicted for example in examples]
    output, _ = pipe.model.begin_update(BinderInput(docs, [TypeWords((text,)) for text in pipe.label_data.values()]))
    gold = [[(span.start, span.end, 0) for span in example.reference.spans["sc"]] for example in examples]
    targets, _ = make_targets(output.windows, gold, max_span_length=30)
    [scored] = output.passes
    _, gradient = pipe.get_loss(scored, targets, len(output.windows))
    order = scored.batch.rows.argsort()
    return gradient.start[order].flatten(), gradient.end[order].flatten()


def test_what_a_window_shows_of_a_cut_span_is_a_negative(nlp: Language) -> None:
    """Its start in the first window and its end in the second. Our other configs leave both out."""
    example = make_example(nlp)
    cut = registry.resolve({"augmenter": nlp.config.interpolate()["corpora"]["train"]["augmenter"]})["augmenter"]
    passages = list(cut(nlp, example))
    assert [len(passage.reference) for passage in passages] == [N_WORDS, N_WORDS]
    start, end = position_gradients(nlp, passages)
    assert start[8] > 0 and end[11] > 0
    # What is gold is pushed up, and what is neither in a window is a negative as ever.
    assert start[0] < 0 and end[1] < 0 and start[11] > 0
    start, end = position_gradients(nlp, [example])
    assert start[8] == end[11] == 0
    assert start[0] < 0 and end[1] < 0 and start[11] > 0


def test_dropout_and_clipping(nlp: Language) -> None:
    model: Any = nlp.get_pipe("binder_ner").model  # type: ignore[attr-defined]
    assert model.attrs["settings"].clip_together
    assert model.get_ref("scorer").attrs["settings"].span_dropout == "sum"
