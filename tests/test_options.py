"""Labels and thresholds for one call, by spaCy's `component_cfg`, and what can describe a type."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from conftest import binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_binder.pipeline import BinderNER

PLACE = {"text": "She left Bergen for good.", "start": 9, "end": 15}


@pytest.fixture(scope="module")
def nlp(trained: tuple[Path, Path]) -> Language:
    return spacy.load(trained[0])


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The sentences that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]


@pytest.fixture
def pipe(nlp: Language) -> BinderNER:
    found = nlp.get_pipe("binder_ner")
    assert isinstance(found, BinderNER)
    return found


def found(docs: Any) -> list[list[tuple[tuple[int, int, str], float]]]:
    """RETURNS (list): The spans of each doc with their scores, bit by bit."""
    return [list(zip(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist(), strict=True)) for doc in docs]


def only(labels: set[str], docs: list[Any]) -> list[Any]:
    return [[(span, score) for span, score in doc if span[2] in labels] for doc in docs]


def options(**given: Any) -> dict[str, dict[str, Any]]:
    return {"binder_ner": given}


def test_a_list_of_labels_for_a_call(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    before, everything = dict(pipe.cfg), found(nlp.pipe(texts))
    some = found(nlp.pipe(texts, component_cfg=options(labels=["GPE", "PER"])))
    assert sum(map(len, some)) > 5
    assert some == only({"GPE", "PER"}, everything)
    assert pipe.cfg == before
    assert found(nlp.pipe(texts)) == everything
    assert found([nlp(text, component_cfg=options(labels=["GPE", "PER"])) for text in texts]) == some


def test_descriptions_for_a_call(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    """A label of another name with the description of a known one finds what that one finds."""
    known = pipe.label_data
    labels = {"TOWN": known["GPE"], "PER": None}
    renamed = found(nlp.pipe(texts, component_cfg=options(labels=labels)))
    expected = [
        sorted((((*span[:2], span[2].replace("GPE", "TOWN")), score) for span, score in doc))
        for doc in only({"GPE", "PER"}, found(nlp.pipe(texts)))
    ]
    assert list(map(sorted, renamed)) == expected
    assert pipe.label_data == known


@pytest.mark.filterwarnings("ignore:.*BW16")
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("n_process", [1, 2])
def test_streams(nlp: Language, texts: list[str], batch_size: int, n_process: int) -> None:
    given = options(labels={"GPE": None, "THING": ["things", "what is no person"]}, threshold=0.3)
    expected = found([nlp(text, component_cfg=given) for text in texts])
    pairs = [(text, i) for i, text in enumerate(texts)]
    docs = list(nlp.pipe(pairs, as_tuples=True, component_cfg=given, batch_size=batch_size, n_process=n_process))
    assert [context for _, context in docs] == list(range(len(texts)))
    for doc, single in zip(found(doc for doc, _ in docs), expected, strict=True):
        assert [span for span, _ in doc] == [span for span, _ in single]
        assert [score for _, score in doc] == pytest.approx([score for _, score in single], abs=1e-4)


def test_thresholds_for_a_call(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    usual = found(nlp.pipe(texts))
    high = found(nlp.pipe(texts, component_cfg=options(threshold=0.98)))
    assert high == [[(span, score) for span, score in doc if score > numpy.float32(0.98)] for doc in usual]
    assert sum(map(len, high)) < sum(map(len, usual))
    none = found(nlp.pipe(texts, component_cfg=options(threshold={"GPE": 1.0})))
    assert none == only(set(pipe.labels) - {"GPE"}, usual)
    # A number is for all labels, also for those with a threshold of their own.
    pipe.cfg["thresholds"] = {"GPE": 1.0}
    try:
        assert found(nlp.pipe(texts)) == none
        assert found(nlp.pipe(texts, component_cfg=options(threshold=0.5))) == usual
        assert found(nlp.pipe(texts, component_cfg=options(labels=["GPE"]))) == [[] for _ in texts]
    finally:
        pipe.cfg["thresholds"] = {}


@pytest.mark.filterwarnings("ignore:.*BW04")
def test_spans_that_a_call_drops_are_counted(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    before = pipe.n_dropped
    nlp(" ".join(texts), component_cfg=options(threshold=1e-6))
    assert pipe.n_dropped > before


def test_threads_with_other_options(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    choices: list[Any] = [None, ["GPE"], ["PER", "LOC"], {"X": pipe.label_data["GPE"]}]
    given = [options(labels=choice) if choice else None for choice in choices]
    expected = [found(nlp.pipe(texts, component_cfg=one)) for one in given]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            results = pool.map(lambda one: found(nlp.pipe(texts, component_cfg=one)), given)
            assert list(results) == expected


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_labels_do_not_depend_on_each_other(
    nlp: Language, pipe: BinderNER, texts: list[str], joint: bool, weight: float
) -> None:
    """Alone, with all others, with a hundred more and in any order: the same spans and the same bits of the scores."""
    before = dict(pipe.cfg)
    pipe.cfg.update(joint_inference=joint, repeat_weight=weight, threshold=0.2)
    try:
        everything = found(nlp.pipe(texts))
        labels = list(pipe.labels)
        for label in labels:
            assert found(nlp.pipe(texts, component_cfg=options(labels=[label]))) == only({label}, everything)
        assert found(nlp.pipe(texts, component_cfg=options(labels=labels[::-1]))) == everything
        many = {f"N{i}": f"thing number {i}" for i in range(100)}
        pipe._compared.update(many.values())
        mixed = dict([*list(many.items())[:50], *((label, None) for label in labels), *list(many.items())[50:]])
        assert only(set(labels), found(nlp.pipe(texts, component_cfg=options(labels=mixed)))) == everything
    finally:
        pipe.cfg.update(before)


def test_several_descriptions_are_averaged(nlp: Language, pipe: BinderNER, texts: list[str]) -> None:
    known = pipe.label_data
    once = found(nlp.pipe(texts, component_cfg=options(labels={"GPE": known["GPE"]})))
    twice = found(nlp.pipe(texts, component_cfg=options(labels={"GPE": [known["GPE"], known["GPE"]]})))
    mixed = found(nlp.pipe(texts, component_cfg=options(labels={"GPE": [known["GPE"], known["PER"]]}, threshold=0.01)))
    for doc, same in zip(once, twice, strict=True):
        assert [span for span, _ in doc] == [span for span, _ in same]
        assert [score for _, score in doc] == pytest.approx([score for _, score in same], abs=1e-5)
    assert mixed != once


def test_examples_make_a_type_without_training(nlp: Language, pipe: BinderNER) -> None:
    """A poor description finds nothing. With spans of the type it finds what is like them."""
    text = "Captain Torbjørn Eide left Bodø on Tuesday."
    poor = {"TOWN": {"description": "Tuesday", "examples": []}}
    docs = [nlp.make_doc("They came to Bodø by sea."), nlp.make_doc("He lives in Bergen now.")]
    spans = [docs[0][3:4], docs[1][3:4]]
    pipe._compared.add("Tuesday")
    before = dict(found([nlp(text, component_cfg=options(labels=poor, threshold=0.01))])[0])
    poor["TOWN"]["examples"] = spans
    after = dict(found([nlp(text, component_cfg=options(labels=poor, threshold=0.01))])[0])
    place = (4, 5, "TOWN")
    assert after.get(place, 0.0) > before.get(place, 0.0)


def test_types_with_examples_do_not_depend_on_each_other(nlp: Language, texts: list[str]) -> None:
    """The weight of a description and the shift of a threshold are a type's own, bit by bit."""
    town = {
        "description": "Tuesday",
        "examples": [PLACE, {"text": "He lives in Bergen and Oslo.", "start": 12, "end": 18}],
    }
    day = {"description": "dates", "examples": [{"text": "It rained on Tuesday.", "start": 13, "end": 20}]}
    together = found(
        nlp.pipe(texts, component_cfg=options(labels={"TOWN": town, "PER": None, "DAY": day}, threshold=0.1))
    )
    for label, value in (("TOWN", town), ("PER", None), ("DAY", day)):
        alone = found(nlp.pipe(texts, component_cfg=options(labels={label: value}, threshold=0.1)))
        assert alone == only({label}, together)
    assert sum(map(len, together)) > sum(map(len, only({"PER"}, together)))


def test_words_of_labels_are_saved(trained: tuple[Path, Path], texts: list[str], tmp_path: Path) -> None:
    nlp = spacy.load(trained[0])
    pipe: Any = nlp.get_pipe("binder_ner")
    pipe.add_label("GPE", [pipe.label_data["GPE"], "towns and countries"])
    pipe.add_label("TOWN", "a town", examples=[PLACE, nlp.make_doc("In Bergen it rains.")[1:2]])
    pipe._compared.update(["towns and countries", "a town"])
    expected = found(nlp.pipe(texts))
    assert pipe.label_data["TOWN"]["examples"][0] == {
        "words": ["She", "left", "Bergen", "for", "good", "."],
        "spaces": [True, True, True, True, False, False],
        "start": 2,
        "end": 3,
    }
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    loaded_pipe: Any = loaded.get_pipe("binder_ner")
    loaded_pipe._compared.update(["towns and countries", "a town"])
    assert loaded_pipe.label_data == pipe.label_data
    assert found(loaded.pipe(texts)) == expected
    # As `spacy init labels` writes and `initialize` reads them.
    labels = json.loads(json.dumps(pipe.label_data))
    new = spacy.blank("en").add_pipe("binder_ner")
    for label, value in labels.items():
        new._set_label(label, value)  # type: ignore[attr-defined]
    assert new.label_data == pipe.label_data  # type: ignore[attr-defined]


def test_known_words_stay_where_none_are_given(pipe: BinderNER) -> None:
    other = pipe.with_options(labels=list(pipe.labels))
    assert other.add_label("GPE", examples=[PLACE]) == 0
    assert other.label_data["GPE"]["description"] == pipe.label_data["GPE"]
    other.add_label("GPE", "towns")
    assert other.label_data["GPE"]["description"] == "towns" and len(other.label_data["GPE"]["examples"]) == 1
    other.add_label("GPE", examples=[])
    assert other.label_data["GPE"] == "towns"
    assert other.label_data != pipe.label_data


def test_training_with_several_descriptions(tiny_encoder: str) -> None:
    """Each of them gets a gradient, and is noted as trained."""
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    labels = {label: [f"{label} one", f"{label} two"] for label in ("VEH", "ORG", "LOC", "DATE", "GPE", "PER", "FAC")}
    labels["PER"] = labels["PER"][:1]
    nlp.get_pipe("binder_ner").initialize(lambda: examples, nlp=nlp, labels=labels)  # type: ignore[attr-defined]
    assert pipe.label_data["PER"] == "PER one"
    optimizer = nlp.create_optimizer()
    losses = [nlp.update(examples, sgd=optimizer)["binder_ner"] for _ in range(6)]
    assert losses[-1] < losses[0]
    assert sorted(pipe.cfg["trained"]) == sorted(text for texts in labels.values() for text in texts)


BAD = {
    "unknown label": ({"labels": ["GPE", "RIVER"]}, "B061.*RIVER"),
    "unknown label without description": ({"labels": {"RIVER": None}}, "B061.*RIVER"),
    "empty list": ({"labels": []}, "B060"),
    "empty dict": ({"labels": {}}, "B060"),
    "a text": ({"labels": "GPE"}, "B014"),
    "a number": ({"labels": 3}, "B014"),
    "a label that is no text": ({"labels": {3: "towns"}}, "E187"),
    "a list in the list": ({"labels": [["GPE"]]}, "B014.*list of list"),
    "a dict in the list": ({"labels": ["GPE", {"label": "RIVER"}]}, "B014.*list of dict"),
    "an empty list in the list": ({"labels": [[]]}, "B014.*list of list"),
    "an empty label": ({"labels": {" ": "towns"}}, "B001"),
    "a description that is no text": ({"labels": {"RIVER": 3}}, "B056.*RIVER"),
    "a description that is empty": ({"labels": {"RIVER": " "}}, "B002.*RIVER"),
    "no descriptions": ({"labels": {"RIVER": []}}, "B056.*RIVER"),
    "a list with a number": ({"labels": {"RIVER": ["streams", 3]}}, "B056.*RIVER"),
    "unknown key": ({"labels": {"RIVER": {"words": "streams"}}}, "B057.*words"),
    "examples that are no list": ({"labels": {"RIVER": {"examples": "streams"}}}, "B057.*no list"),
    "an example that is a text": ({"labels": {"RIVER": {"examples": ["the Rhine"]}}}, "B057.*number 1"),
    "an example inside a word": ({"labels": {"RIVER": {"examples": [{**PLACE, "end": 12}]}}}, "B057.*whole words"),
    "an example outside": ({"labels": {"RIVER": {"examples": [{**PLACE, "start": 90, "end": 95}]}}}, "B057"),
    "an empty example": ({"labels": {"RIVER": {"examples": [{**PLACE, "end": 9}]}}}, "B057.*number 1"),
    "an example without offsets": ({"labels": {"RIVER": {"examples": [PLACE, {"text": "x"}]}}}, "B057.*number 2"),
    "a long example": ({"labels": {"RIVER": {"examples": [{"text": "a " * 50, "start": 0, "end": 90}]}}}, "B057.*45"),
    "threshold": ({"threshold": 1.5}, "B006.*threshold"),
    "threshold that is a text": ({"threshold": "0.5"}, "B006.*threshold"),
    "threshold of a label": ({"threshold": {"GPE": -1}}, "B006.*GPE"),
    "threshold of an unknown label": ({"threshold": {"RIVER": 0.5}}, "B016.*RIVER"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_options(nlp: Language, pipe: BinderNER, texts: list[str], bad: str) -> None:
    """The pipeline stays as it was."""
    given, message = BAD[bad]
    before = json.dumps(pipe.cfg, sort_keys=True)
    with pytest.raises(ValueError, match=message):
        nlp(texts[0], component_cfg=options(**given))
    with pytest.raises(ValueError, match=message):
        list(nlp.pipe(texts[:1], component_cfg=options(**given)))
    assert json.dumps(pipe.cfg, sort_keys=True) == before


@pytest.mark.parametrize(
    "labels",
    [
        {"X": []},
        {"X": ["a", ""]},
        {"X": {"description": "a"}},
        {"X": {"description": "a", "examples": [{"words": ["a"], "spaces": [True], "start": 0, "end": 2}]}},
        {"X": {"description": "a", "examples": [{"words": ["a"], "spaces": [], "start": 0, "end": 1}]}},
        {"X": {"description": "a", "examples": [], "more": 1}},
    ],
)
def test_settings_of_another_form_are_refused(pipe: BinderNER, labels: Any) -> None:
    with pytest.raises(ValueError, match="B006"):
        pipe.cfg["labels"] = labels
