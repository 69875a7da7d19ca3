"""The LSTMs between text encoder and span scorer."""

import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from thinc.api import fix_random_seed
from torch import Tensor, nn

from spacy_binder.modules.recurrent import RecurrentContext
from spacy_binder.modules.span_scorer import SpanScorerModule

WIDTH, SIZE = 6, 4


@pytest.fixture
def module() -> RecurrentContext:
    """A module with weights drawn anew, the last ones too."""
    torch.manual_seed(0)
    module = RecurrentContext(WIDTH, SIZE)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def reference(module: RecurrentContext, vectors: Tensor) -> Tensor:
    """RETURNS (Tensor): The same for a row without padding, a step at a time."""
    read = []
    for lstm, order in ((module.onward, range(len(vectors))), (module.back, reversed(range(len(vectors))))):
        cell = nn.LSTMCell(WIDTH, SIZE)
        cell.load_state_dict({name.removesuffix("_l0"): tensor for name, tensor in lstm.state_dict().items()})
        state, states = None, torch.zeros(len(vectors), SIZE)
        for i in order:
            state = cell(vectors[i : i + 1], state)
            states[i] = state[0]
        read.append(states)
    return vectors + module.output(torch.cat(read, dim=1))


def test_each_row_is_read_as_if_it_were_alone(module: RecurrentContext) -> None:
    vectors, lengths = torch.randn(3, 9, WIDTH), torch.tensor([4, 9, 1])
    vectors[0, 4:], vectors[2, 1:] = 7.0, torch.nan
    found = module(vectors, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(found[row, :length], reference(module, vectors[row, :length]), rtol=0, atol=1e-5)


def test_gradients(module: RecurrentContext) -> None:
    module, lengths = module.double(), torch.tensor([5, 2])
    vectors = torch.randn(2, 5, WIDTH, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda vectors: module(vectors, lengths)[0], vectors)
    module(vectors, lengths)[1, :2].sum().backward()
    assert vectors.grad is not None
    assert not vectors.grad[1, 2:].any()
    assert not vectors.grad[0].any()


def test_vectors_stay_as_they_are_before_training() -> None:
    module, vectors = RecurrentContext(WIDTH, SIZE), torch.randn(2, 7, WIDTH)
    assert torch.equal(module(vectors, torch.tensor([7, 3])), vectors)


def test_one_rate_for_all_dropout() -> None:
    sizes = {"linear_size": 8, "max_span_length": 3, "width_embedding_size": 5}
    module = SpanScorerModule(WIDTH, WIDTH, **sizes, temperature=0.07, recurrent_size=SIZE)
    module.set_dropout(0.25)
    assert [layer.p for layer in module.modules() if isinstance(layer, nn.Dropout)] == [0.25, 0.25]


def test_pipeline_learns_with_them_and_comes_back(tiny_encoder: str) -> None:
    """Their weights are trained and saved; the setting is part of what is saved, not of the config alone."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    config["model"]["scorer"] = {"recurrent_size": SIZE}
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"])
    optimizer = nlp.initialize(lambda: examples)
    context = nlp.get_pipe("binder_ner").model.get_ref("scorer").shims[0].module.context  # type: ignore[attr-defined]
    before = {name: tensor.clone() for name, tensor in context.state_dict().items()}
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)
    assert all(not torch.equal(before[name], tensor) for name, tensor in context.state_dict().items())
    again = spacy.blank("en")
    again.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    again.from_bytes(nlp.to_bytes())
    for pipeline in (nlp, again):
        pipeline.get_pipe("binder_ner").cfg["threshold"] = 0.1  # type: ignore[attr-defined]
    docs = [pipeline(examples[0].reference.text) for pipeline in (nlp, again)]
    found = [doc.spans["sc"].attrs["scores"] for doc in docs]
    assert len(found[0])
    assert found[0].tolist() == found[1].tolist()
