"""The `binder_ner` component: spaCy's contract for a trainable pipe."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path
from typing import Any, Optional, Union

import numpy
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

# `spacy.blank()` imports this module, by way of the factory: what needs torch is imported where it is used.
from .annotations import annotate
from .config import DEFAULT_LOSS_WEIGHTS
from .descriptions import TypeWords, draw_text, new_texts, read_types
from .errors import Errors, Warnings
from .gold import GoldCounts, align_gold, check_labels, gold_warnings
from .labels import TypedPipe
from .layers.types import BinderInput, BinderOutput, ScoredWindows, Search
from .learned_types import learned_types
from .scorer import check_score_weights, has_corpus
from .settings import ComponentSettings, check_setting
from .spans.decoding import (
    LOWEST_SUPPORTED_MARGIN,
    Candidates,
    FoundSpans,
    collect_spans,
    filter_margins,
    support_repeats,
)
from .spans.margins import margin_limits
from .spans.targets import Targets, make_targets
from .type_counts import TypeCounts

# The most predictions per word and type. At a threshold near 0 every span of every type is one.
MAX_SPANS_PER_WORD = 4
# With a threshold below it, more spans than these are expected, and the user is told.
LOW_THRESHOLD = 0.05
# Training stops after this many steps in a row whose gradients are no numbers.
MAX_SKIPPED_STEPS = 10
# Labels that a warning names.
MAX_NAMED = 5


class BinderNER(TypedPipe):
    """Finds spans of types that are given by descriptions (Zhang et al., ICLR 2023)."""

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "binder_ner",
        *,
        spans_key: str = "sc",
        threshold: float = 0.5,
        thresholds: Optional[dict[str, float]] = None,
        allow_overlap: bool = True,
        joint_inference: bool = False,
        annotate_ents: bool = False,
        window_merge: str = "best_context",
        repeat_weight: float = 0.0,
        sample_descriptions: bool = False,
        loss_weights: Optional[dict[str, float]] = None,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Initialize the component; see `factory.make_binder_ner` for the arguments.

        vocab (Vocab): The shared vocabulary.
        RAISES (ValueError): If a setting can't have its value.
        """
        check_setting(name, "loss_weights", loss_weights or {})
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.loss_weights = {**DEFAULT_LOSS_WEIGHTS, **(loss_weights or {})}
        self.gold_counts: Counter[str] = Counter()
        # Shared by the components for one call.
        self._counts: Counter[str] = Counter()
        # Training steps whose gradients were no numbers.
        self.n_skipped_steps = self._n_skipped_in_a_row = 0
        self._n_docs = self._n_steps = 0
        # Training steps in which the component is not expected to have learned anything.
        self._first_steps = 0
        self._warned: set[str] = set()
        self._compared: set[str] = set()
        self.cfg = ComponentSettings(
            name,
            labels={},
            trained=[],
            spans_key=spans_key,
            threshold=threshold,
            thresholds=dict(thresholds or {}),
            calibration=None,
            allow_overlap=allow_overlap,
            joint_inference=joint_inference,
            annotate_ents=annotate_ents,
            window_merge=window_merge,
            repeat_weight=repeat_weight,
            sample_descriptions=sample_descriptions,
        )

    @property
    def n_dropped(self) -> int:
        """RETURNS (int): Spans that were found so far, but dropped: the best `MAX_SPANS_PER_WORD` are kept."""
        return self._counts["dropped"]

    @property
    def key(self) -> str:
        """RETURNS (str): Key of doc.spans that spans are read from and written to."""
        return str(self.cfg["spans_key"])

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Union[dict[str, Any], list[str]]] = None,
    ) -> None:
        """Load the encoders with their pretrained weights, draw the other weights anew, and set the labels.

        get_examples (Callable): Gives the training examples.
        nlp (Language, optional): The pipeline, whose score weights are checked.
        labels (dict or list, optional): What describes each label, as `spacy init labels` writes it (see `label_data`),
            or the labels only. If None, the labels of the gold spans.
        RAISES (ValueError): If there are no labels, no gold span has one of the labels, a gold span has no label or an
            unknown one, or no score weight names the spans key.
        """
        validate_get_examples(get_examples, "BinderNER.initialize")
        if labels is not None and not isinstance(labels, (dict, list, tuple)):
            raise ValueError(Errors.B014.format(setting="labels", name=self.name, given=type(labels).__name__))
        self._require_encoder()
        self._forget()
        training: dict[str, Any] = {}
        if nlp is not None:
            check_score_weights(nlp, self.key, self.name)
            training = nlp.config.interpolate()["training"]
            self._first_steps = (training["max_steps"] or 1000) // 10
        for label in labels or ():
            self._set_label(label, labels[label] if isinstance(labels, dict) else None)
        sample: list[Doc] = []
        gold, types = GoldCounts(self.key), TypeCounts(self.key)
        for example in get_examples():
            if len(sample) < 10:
                sample.append(example.x)
            gold.add(example.reference)
            types.add(example.reference)
            if labels is not None:
                check_labels(example, self.key, self.cfg["labels"], self.name)
        if labels is None:
            for label in gold.labels:
                self.add_label(label)
        # `nlp.initialize()` without examples gives one doc without any annotation.
        if not gold.is_blank:
            gold.require(self.labels, name=self.name)
        self._require_labels()
        if nlp is not None and has_corpus(nlp):
            types.show(self.labels, self.name, is_stream=training["max_epochs"] == -1)
        never = ", ".join(gold.never_annotated(self.labels))
        if never:
            warnings.warn(Warnings.BW19.format(name=self.name, labels=never, key=self.key), stacklevel=2)
        unknown = ", ".join(label for label in self.cfg["thresholds"] if label not in self.cfg["labels"])
        if unknown:
            message = Warnings.BW08.format(unknown=unknown, name=self.name, labels=", ".join(self.labels))
            warnings.warn(message, stacklevel=2)
        self.model.initialize(X=BinderInput(sample, read_types(self.cfg), Search()))

    def _forget(self) -> None:
        """Drop what an earlier training left behind."""
        self.cfg.update(calibration=None, trained=[])
        self._compared.clear()
        self.gold_counts.clear()
        self._warned.clear()
        self._n_docs = self._n_steps = self.n_skipped_steps = self._n_skipped_in_a_row = 0

    def predict(self, docs: Iterable[Doc]) -> list[Candidates]:
        """Find the spans of some docs, without changing the docs.

        docs (Iterable[Doc]): The docs.
        RETURNS (list[Candidates]): The spans of each doc that beat their label's threshold, in document order.
        RAISES (ValueError): If the component was not initialized.
        """
        docs = list(docs)
        self._require_initialized()
        # One state of the settings, whatever another thread changes meanwhile.
        cfg = self.cfg.copy()
        labels = tuple(cfg["labels"])
        limits = margin_limits(cfg, labels)
        weight, union = cfg["repeat_weight"], cfg["window_merge"] == "union"
        min_margin = numpy.minimum(limits, LOWEST_SUPPORTED_MARGIN) if weight else limits
        search = Search(min_margin, limits if cfg["joint_inference"] else None, MAX_SPANS_PER_WORD)
        types = read_types(cfg)
        self._warn_of_unlike(dict(zip(labels, types, strict=True)), cfg["trained"])
        output: BinderOutput[FoundSpans] = self.model.predict(BinderInput(docs, types, search))
        spans, n_dropped, is_finite = collect_spans(output.windows, output.passes, labels, len(docs), union=union)
        if not is_finite:
            self._warn_once("BW12", Warnings.BW12.format(name=self.name))
        self._counts["dropped"] += n_dropped
        lowest = min([cfg["threshold"], *cfg["thresholds"].values()])
        if n_dropped and (lowest < LOW_THRESHOLD or self._n_steps >= self._first_steps):
            message = Warnings.BW04.format(n=n_dropped, threshold=lowest, cap=MAX_SPANS_PER_WORD, name=self.name)
            self._warn_once("BW04", message)
        if weight:
            pairs = zip(spans, docs, strict=True)
            spans = [support_repeats(of_doc, numpy.asarray(doc.to_array("ORTH")), weight) for of_doc, doc in pairs]
            spans = [filter_margins(of_doc, limits, allow_overlap=True) for of_doc in spans]
        return spans

    def _warn_of_unlike(self, types: dict[str, TypeWords], trained: list[str]) -> None:
        new = new_texts(types, trained, self._compared)
        if not new:
            return
        from .layers.similarity import LOW_SIMILARITY, unlike_trained

        if far := unlike_trained(self.model, new, trained):
            more = [f"and {len(far) - MAX_NAMED} more"] if len(far) > MAX_NAMED else []
            shown = ", ".join([*far[:MAX_NAMED], *more])
            message = Warnings.BW16.format(name=self.name, labels=shown, least=LOW_SIMILARITY)
            warnings.warn(message, stacklevel=4)

    def set_annotations(self, docs: Iterable[Doc], candidates: list[Candidates]) -> None:
        """Write predicted spans to doc.spans, with `attrs["scores"]`, and to doc.ents if the settings say so.

        docs (Iterable[Doc]): The docs.
        candidates (list[Candidates]): The spans of each doc, from `predict`.
        """
        cfg = self.cfg.copy()
        for doc, found in zip(docs, candidates, strict=True):
            annotate(doc, found, cfg)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[dict[str, float]] = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples. Memory depends on the model's budget of wordpieces, not on the docs' length.

        examples (Iterable[Example]): The examples.
        drop (float): Dropout rate after the scorer's projections. The encoders have their own. Defaults to 0.
        sgd (Optimizer, optional): The optimizer. If None, gradients are only accumulated.
        losses (dict, optional): The loss is added to it, under the component's name.
        RETURNS (dict[str, float]): The losses.
        RAISES (ValueError): If a gold span has an unknown label, or one that was not annotated in its doc.
        """
        from .modules.processes import add_up_number, draw_apart, is_same, place

        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BinderNER.update")
        for example in examples:
            check_labels(example, self.key, self.cfg["labels"], self.name)
        if not any(len(example.predicted) for example in examples):
            return losses
        self._require_initialized()
        self._require_encoder()
        if self.cfg["calibration"] is not None:
            self._warn_once("BW07", Warnings.BW07.format(name=self.name))
        own = dict(zip(self.labels, read_types(self.cfg), strict=True))
        # All of them are being trained, though a batch of a mix may not have them. They are no news to warn of.
        self._compared.update(text for words in own.values() for text in words.texts)
        types, places, annotated = learned_types(examples, self.key, own)
        if not types:
            return losses
        if self.cfg["sample_descriptions"]:
            types = [draw_text(words) for words in types]
        known = {*self.cfg["trained"]}
        new = [text for words in types for text in words.texts if text not in known]
        if new:
            self.cfg["trained"] = [*self.cfg["trained"], *new]
        set_dropout_rate(self.model, drop)
        gold = [align_gold(example, self.key, of) for example, of in zip(examples, places, strict=True)]
        if not self._n_docs:
            draw_apart()
        if place().size > 1 and not is_same([types, gold, [example.predicted.text for example in examples]]):
            raise ValueError(Errors.B074.format(name=self.name))
        output: BinderOutput[ScoredWindows]
        output, backprop = self.model.begin_update(BinderInput([example.predicted for example in examples], types))
        most_words = self.model.get_ref("scorer").attrs["max_span_length"]
        spans = [of_doc for of_doc, _ in gold]
        targets, reasons = make_targets(output.windows, spans, max_span_length=most_words, annotated=annotated)
        self.gold_counts.update(reasons)
        self.gold_counts["not aligned with tokens"] += sum(n_missed for _, n_missed in gold)
        self.gold_counts["total"] += sum(len(spans) for spans, _ in gold)
        self._n_docs += len(examples)
        for code, message in gold_warnings(self.gold_counts, self._n_docs, examples, self.key, self.name):
            self._warn_once(code, message)
        total = 0.0
        for scored in output.passes:
            loss, d_scores = self.get_loss(scored, targets, len(output.windows))
            scored.backprop(d_scores)
            # A loss that is no number has gradients that are none: `finish_update` counts the step.
            total += loss if isfinite(loss) else 0.0
        losses[self.name] += add_up_number(total)
        backprop(None)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, scored: ScoredWindows, targets: Targets, n_windows: int) -> tuple[float, Any]:
        """Compute the loss of one forward pass and its gradient.

        scored (ScoredWindows): The windows of the pass and their logits.
        targets (Targets): The gold items of all windows of the update.
        n_windows (int): The windows of the update. Terms are averaged over them.
        RETURNS (tuple[float, SpanScores]): The loss and the gradient of the logits.
        """
        from .modules.loss import binder_loss

        return binder_loss(scored.scores, scored.batch, targets, n_windows, self.loss_weights)

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the weights with the gradients of the last updates. Gradients that are no numbers are skipped.

        sgd (Optimizer): The optimizer.
        RAISES (ValueError): If that happens `MAX_SKIPPED_STEPS` times in a row.
        """
        from .layers.gradients import prepare_gradients

        self._n_steps += 1
        if prepare_gradients(self.model, sgd.grad_clip):
            self._n_skipped_in_a_row = 0
            super().finish_update(sgd)
            return
        self.n_skipped_steps += 1
        self._n_skipped_in_a_row += 1
        if self._n_skipped_in_a_row >= MAX_SKIPPED_STEPS:
            raise ValueError(Errors.B055.format(name=self.name, n=MAX_SKIPPED_STEPS))
        self._warn_once("BW15", Warnings.BW15.format(name=self.name, step=self._n_steps))

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component to a folder. If this is interrupted, the folder has what was there before.

        path (str / Path): The folder.
        exclude (Iterable[str]): Parts to leave out: cfg, model or vocab.
        """
        from .saving import save_component

        path, exclude = Path(path), tuple(exclude)
        cfg = None if "cfg" in exclude else self.cfg.copy()
        save_component(path, cfg, None if "model" in exclude else self.model)
        if "vocab" not in exclude:
            self.vocab.to_disk(path / "vocab", exclude=exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "BinderNER":
        """Load the component from a folder.

        path (str / Path): The folder.
        exclude (Iterable[str]): Parts to leave as they are: cfg, model or vocab.
        RETURNS (BinderNER): The component itself.
        RAISES (ValueError): If a file is missing, damaged or from another pipeline, or has what is not allowed.
        """
        from .saving import load_component

        path, exclude = Path(path), tuple(exclude)
        cfg = load_component(path, None if "model" in exclude else self.model)
        if cfg is not None and "cfg" not in exclude:
            self.cfg.update(cfg)
        if "vocab" not in exclude:
            self.vocab.from_disk(path / "vocab", exclude=exclude)
        return self

    def _require_initialized(self) -> None:
        if not self.model.get_ref("scorer").has_dim("nI"):
            raise ValueError(SpacyErrors.E109.format(name=self.name))
        self._require_labels()

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            warnings.warn(message, stacklevel=3)
