"""What the page finds is what the pipeline finds. Sessions do not see each other's types."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_binder.app.copies import python_lines
from spacy_binder.app.finding import LOWEST, Finder, FoundSpan, types_of, with_types
from spacy_binder.app.given import EntityType
from spacy_binder.pipeline import BinderNER

NAME = "binder_ner"


@pytest.fixture(scope="module")
def loaded(trained: tuple[Path, Path]) -> Language:
    return spacy.load(trained[0])


@pytest.fixture
def nlp(loaded: Language) -> Iterator[Language]:
    """The pipeline. Its settings are put back."""
    pipe = component(loaded)
    before = pipe.cfg.copy()
    yield loaded
    pipe.cfg.update(before)


@pytest.fixture(scope="module")
def text(trained: tuple[Path, Path]) -> str:
    return " ".join(doc.text for doc in DocBin().from_disk(trained[1]).get_docs(Vocab()))


def component(nlp: Language) -> BinderNER:
    pipe = nlp.get_pipe(NAME)
    assert isinstance(pipe, BinderNER)
    return pipe


def published(nlp: Language, text: str) -> list[FoundSpan]:
    """RETURNS (list[FoundSpan]): What the pipeline itself publishes."""
    doc = nlp(text)
    group = doc.spans["sc"]
    pairs = zip(group, group.attrs["scores"].tolist(), strict=True)
    return [FoundSpan(span.start_char, span.end_char, span.label_, score) for span, score in pairs]


def same(found: list[FoundSpan], expected: list[FoundSpan]) -> bool:
    assert [span[:3] for span in found] == [span[:3] for span in expected]
    numpy.testing.assert_allclose([span.score for span in found], [span.score for span in expected], atol=1e-4)
    return True


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"allow_overlap": False},
        {"joint_inference": True},
        {"repeat_weight": 0.5},
        {"window_merge": "union"},
        {"calibration": {"scale": 0.8, "bias": -0.3}},
        {"thresholds": {"GPE": 0.9, "PER": 0.005}},
        {"annotate_ents": True},
    ],
    ids=str,
)
def test_each_threshold_finds_what_the_pipeline_finds(nlp: Language, text: str, settings: dict) -> None:
    """One search serves all thresholds, except in joint inference."""
    pipe = component(nlp)
    pipe.cfg.update(settings)
    finder = Finder(nlp, NAME)
    n_found = []
    for threshold in (0.5, 0.9, 0.02, 0.3):
        found, _ = finder.find(text, types_of(pipe), threshold)
        pipe.cfg["threshold"] = threshold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert same(found, published(nlp, text))
        n_found.append(len(found))
    assert n_found[1] < n_found[0] < n_found[2]
    assert finder.n_searches == (4 if settings.get("joint_inference") else 1)


def test_a_search_that_drops_spans_is_done_again(nlp: Language, text: str) -> None:
    """The component keeps so many spans per word. With another threshold that may be other ones."""
    finder, pipe = Finder(nlp, NAME), component(nlp)
    pipe.cfg["thresholds"] = {"PER": 0.0}
    found, messages = finder.find(text, types_of(pipe), 0.5)
    assert finder.n_searches == 2
    assert any("BW04" in message for message in messages)
    with pytest.warns(UserWarning, match="BW04"):
        assert same(found, published(nlp, text))


def test_a_search_is_done_again_for_another_text_or_table(nlp: Language, text: str) -> None:
    finder, types = Finder(nlp, NAME), types_of(component(nlp))
    for _ in range(2):
        finder.find(text, types, 0.5)
    assert finder.n_searches == 1
    finder.find(text + " ", types, 0.5)
    finder.find(text, types[1:], 0.5)
    finder.find(text, [types[0]._replace(description="persons"), *types[1:]], 0.5)
    assert finder.n_searches == 4


def test_types_are_added_removed_and_described_anew(nlp: Language, text: str) -> None:
    """The pipeline stays as it is, and the scores of the other types too."""
    finder, pipe = Finder(nlp, NAME), component(nlp)
    before = pipe.cfg.copy()
    types = types_of(pipe)
    first, _ = finder.find(text, types, 0.5)
    [gpe] = [type_ for type_ in types if type_.label == "GPE"]
    # A new label with the words of a trained type finds what that one finds.
    found, _ = finder.find(text, [*types, EntityType("PLACE", gpe.description)], 0.5)
    places = [span[:2] for span in first if span.label == "GPE"]
    assert places and [span[:2] for span in found if span.label == "PLACE"] == places
    assert same([span for span in found if span.label != "PLACE"], first)
    found, _ = finder.find(text, [type_ for type_ in types if type_ != gpe], 0.5)
    assert same(found, [span for span in first if span.label != "GPE"])
    [per] = [type_ for type_ in types if type_.label == "PER"]
    found, _ = finder.find(text, [per._replace(description=gpe.description)], 0.5)
    assert [span[:2] for span in found] == places
    assert pipe.cfg == before


def test_sessions_do_not_see_the_types_of_others(nlp: Language, text: str) -> None:
    types = types_of(component(nlp))
    found: dict[str, list[FoundSpan]] = {}

    def search(label: str) -> None:
        for _ in range(3):
            own = [EntityType(label, type_.description) for type_ in types if type_.label == "GPE"]
            found[label] = Finder(nlp, NAME).find(text, own, 0.5)[0]

    threads = [Thread(target=search, args=(label,)) for label in ("FIRST", "SECOND")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for label, spans in found.items():
        assert spans and {span.label for span in spans} == {label}
    assert same([span._replace(label="") for span in found["FIRST"]], [s._replace(label="") for s in found["SECOND"]])


def test_a_component_with_other_types_shares_the_weights(nlp: Language) -> None:
    pipe = with_types(nlp, NAME, [EntityType("RIVER", "rivers", 0.2)])
    assert pipe.model is component(nlp).model
    assert pipe.label_data == {"RIVER": "rivers"} and pipe.cfg["thresholds"] == {"RIVER": 0.2}


@pytest.mark.parametrize("given", ["", " ", "\n\n", "😀 ", "a" * 3000, "x\n" * 500])
def test_odd_texts(nlp: Language, given: str) -> None:
    Finder(nlp, NAME).find(given, types_of(component(nlp)), LOWEST)


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_python_lines_find_the_same_spans(
    nlp: Language, text: str, threshold: float, trained: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    types = types_of(component(nlp))
    text = text[:300]
    types = [*types[1:], EntityType('A "new" one\\', types[0].description, 0.3)]
    lines = python_lines(nlp, NAME, str(trained[0]), text, types, threshold)
    found, _ = Finder(nlp, NAME).find(text, types, threshold)
    exec(lines, {})
    printed = "".join(f"{span.score:.2f} {span.label} {text[span.start : span.end]}\n" for span in found)
    assert capsys.readouterr().out == printed


def test_a_description_unlike_the_trained_ones_is_said(nlp: Language, text: str) -> None:
    """At each search, because each has a component of its own."""
    finder = Finder(nlp, NAME)
    for words in ("zzz qqq", "zzz qqq"):
        _, messages = finder.find(text, [*types_of(component(nlp)), EntityType("ODD", words)], 0.5)
        assert any("BW16" in message and "ODD" in message for message in messages)
    assert finder.find(text, types_of(component(nlp)), 0.5)[1] == []
