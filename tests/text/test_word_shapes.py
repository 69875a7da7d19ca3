"""What words look like, and that the encoder is told."""

import pytest
import spacy
import torch
from conftest import binder_config
from spacy.tokens import Doc

from spacy_binder.descriptions import TypeWords
from spacy_binder.layers.text_encoder import cut_docs
from spacy_binder.layers.types import BinderInput
from spacy_binder.text.word_shapes import WORD_SHAPES, word_shape


@pytest.mark.parametrize(
    "word, shape",
    [
        ("temple", "lower"),
        ("Temple", "title"),
        (" Temple", "title"),
        ("NATO", "upper"),
        ("I", "one capital"),
        ("a", "lower"),
        ("McDonald", "mixed"),
        ("iPhone", "mixed"),
        ("1911", "digits"),
        ("B52", "digits"),
        ("--", "punctuation"),
        ("Élan", "title"),
        ("東京", "mixed"),
    ],
)
def test_word_shape(word: str, shape: str) -> None:
    """Capitals and digits, as far as an uncased tokenizer drops them."""
    assert WORD_SHAPES[word_shape(word)] == shape


def test_each_wordpiece_has_the_shape_of_its_word(tiny_encoder: str) -> None:
    """Special wordpieces and padding have none."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    pipe.add_label("PER")
    nlp.initialize()
    docs = [Doc(nlp.vocab, words=["Montraville", "met", "her", "."]), Doc(nlp.vocab, words=["I", "!"])]
    encoder = pipe.model.get_ref("text_encoder")
    batch = cut_docs(encoder, docs).batch(torch.tensor([0, 1]).numpy())
    n_wordpieces = len(encoder.shims[0].tokenizer.tokenize("Montraville"))
    assert n_wordpieces > 1
    assert batch.shapes[0].tolist() == [0, *[2] * n_wordpieces, 1, 1, 6, 0]
    assert batch.shapes[1].tolist() == [0, 7, 6, *[0] * (n_wordpieces + 2)]


def test_training_begins_with_the_pretrained_encoder_and_learns_shapes(tiny_encoder: str) -> None:
    """The embedding of shapes is zero at first, so vectors are those without it; then it gets a gradient."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    pipe.add_label("PER")
    nlp.initialize()
    shim = pipe.model.get_ref("text_encoder").shims[0]
    ids, lengths = torch.randint(1000, 2000, (2, 7)).numpy(), torch.tensor([7, 5]).numpy()
    shapes = torch.randint(0, len(WORD_SHAPES), (2, 7)).numpy()
    plain = shim.encode(ids, lengths, is_train=False, mixed_precision=False)
    told = shim.encode(ids, lengths, shapes, is_train=False, mixed_precision=False)
    torch.testing.assert_close(told, plain)
    lower, title = (
        Doc(nlp.vocab, words=words, sent_starts=[True, False]) for words in (["temple", "met"], ["Temple", "met"])
    )
    output, _ = pipe.model.begin_update(BinderInput([lower, title], [TypeWords(("person",))]))
    for scored in output.passes:
        scored.backprop(scored.scores)
    gradient = shim.module.word_shapes.weight.grad
    assert gradient[[1, 2]].abs().sum(1).min() > 0
    assert gradient[[3, 4, 5, 6, 7]].abs().max() == 0


def test_a_pipeline_from_before_loads(tiny_encoder: str) -> None:
    """Its config doesn't name the setting, which then gets its default; its encoder has no shapes."""
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"]["word_shapes"] = False
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=config).add_label("PER")
    nlp.initialize()
    saved = nlp.to_bytes()
    del nlp.config["components"]["binder_ner"]["model"]["text_encoder"]["word_shapes"]
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(saved)
    assert again.config["components"]["binder_ner"]["model"]["text_encoder"]["word_shapes"] is True
    assert [len(doc.spans["sc"]) for doc in again.pipe(["Anna met Temple."])] == [
        len(nlp("Anna met Temple.").spans["sc"])
    ]
