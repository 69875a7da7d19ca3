"""The `binder_ner` component: spaCy's contract for a trainable pipe."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Optional, Union

import numpy
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

# `spacy.blank()` imports this module: what needs torch is imported where it is used.
from .config import DEFAULT_LOSS_WEIGHTS, DEFAULT_MODEL, check_settings, default_description
from .errors import Errors, Warnings
from .layers.types import BinderInput, BinderOutput, ScoredWindows, Search
from .spans.decoding import (
    LOWEST_SUPPORTED_MARGIN,
    Candidates,
    FoundSpans,
    drop_overlaps,
    filter_margins,
    find_tokens,
    group_by_doc,
    support_repeats,
)
from .spans.margins import margin_limits, published_scores
from .spans.targets import Targets, make_targets

# The most predictions per word. At a threshold near 0 every span of every type is one.
MAX_SPANS_PER_WORD = 4


@Language.factory(
    "binder_ner",
    assigns=["doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": "sc",
        "threshold": 0.5,
        "thresholds": {},
        "allow_overlap": True,
        "joint_inference": False,
        "annotate_ents": False,
        "window_merge": "best_context",
        "repeat_weight": 0.0,
        "loss_weights": DEFAULT_LOSS_WEIGHTS,
        "scorer": {"@scorers": "spacy_binder.binder_scorer.v1"},
    },
    default_score_weights={
        "spans_sc_f": 1.0,
        "spans_sc_p": 0.0,
        "spans_sc_r": 0.0,
        "spans_sc_nested_r": None,
        "spans_sc_per_type": None,
    },
)
def make_binder_ner(
    nlp: Language,
    name: str,
    model: Model,
    spans_key: str,
    threshold: float,
    thresholds: dict[str, float],
    allow_overlap: bool,
    joint_inference: bool,
    annotate_ents: bool,
    window_merge: str,
    repeat_weight: float,
    loss_weights: dict[str, float],
    scorer: Optional[Callable],
) -> "BinderNER":
    """Construct a BinderNER component. It finds nested or flat named entities by the similarity of spans with types.

    model (Model): The bi-encoder, like `spacy_binder.Binder.v1`.
    spans_key (str): Key of doc.spans that gold spans are read from and predictions are written to. Defaults to "sc".
    threshold (float): The score that a span has to exceed. Defaults to 0.5, the paper's rule. A lower one finds more.
    thresholds (dict): Thresholds of labels that have their own. `threshold` does not apply to them. Defaults to none.
    allow_overlap (bool): Whether spans may nest and overlap, as they may by default. If not, the best ones are kept.
    joint_inference (bool): Whether a span's start and end have to beat their thresholds too. Defaults to False.
    annotate_ents (bool): Whether the best spans without overlap also go to doc.ents. Defaults to False.
    window_merge (str): Who judges a span that several windows see: "best_context", the default (the window that gives
        it the most context), or "union" (any of them, as in the published code).
    repeat_weight (float): How much a span's margin is raised towards the best one of the same words and type in the
        doc, from 0 (the paper, and the default) to 1. So names that are clear in one place are found in others.
    loss_weights (dict): Weights of the loss: start, end and span; gold and threshold terms.
    scorer (Callable, optional): The scoring method.
    RETURNS (BinderNER): The component.
    """
    return BinderNER(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        threshold=threshold,
        thresholds=thresholds,
        allow_overlap=allow_overlap,
        joint_inference=joint_inference,
        annotate_ents=annotate_ents,
        window_merge=window_merge,
        repeat_weight=repeat_weight,
        loss_weights=loss_weights,
        scorer=scorer,
    )


class BinderNER(TrainablePipe):
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
        loss_weights: Optional[dict[str, float]] = None,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Initialize the component; see `make_binder_ner` for the arguments.

        vocab (Vocab): The shared vocabulary.
        RAISES (ValueError): If a setting can't be, see `check_settings`.
        """
        check_settings(
            name,
            threshold=threshold,
            thresholds=thresholds or {},
            window_merge=window_merge,
            repeat_weight=repeat_weight,
            loss_weights=loss_weights or {},
        )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.loss_weights = {**DEFAULT_LOSS_WEIGHTS, **(loss_weights or {})}
        self.gold_counts: Counter[str] = Counter()
        self._warned: set[str] = set()
        self.cfg: dict[str, Any] = {
            "labels": {},
            "spans_key": spans_key,
            "threshold": threshold,
            "thresholds": dict(thresholds or {}),
            "calibration": None,
            "allow_overlap": allow_overlap,
            "joint_inference": joint_inference,
            "annotate_ents": annotate_ents,
            "window_merge": window_merge,
            "repeat_weight": repeat_weight,
        }

    @property
    def key(self) -> str:
        """RETURNS (str): Key of doc.spans that spans are read from and written to."""
        return str(self.cfg["spans_key"])

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The labels of the component's types."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> dict[str, str]:
        """RETURNS (dict[str, str]): The description of each label, as `initialize` takes it."""
        return dict(self.cfg["labels"])

    def add_label(self, label: str, description: Optional[str] = None) -> int:
        """Add a type, or change the description of a known one. No weight depends on it, before or after training.

        label (str): The label.
        description (str, optional): A text that says what spans of the type are. If None, a known label keeps its
            description, and a new one gets spaCy's explanation of the label, or the label in plain words.
        RETURNS (int): 0 if the label was known, otherwise 1.
        RAISES (ValueError): If the label is not a string, or the label or description is empty.
        """
        if not isinstance(label, str):
            raise ValueError(SpacyErrors.E187)
        if not label.strip():
            raise ValueError(Errors.B001.format(name=self.name, label=label))
        if description is not None and not description.strip():
            raise ValueError(Errors.B002.format(label=label))
        is_new = label not in self.cfg["labels"]
        if is_new or description is not None:
            self.cfg["labels"][label] = description or default_description(label)
            self.vocab.strings.add(label)
        return int(is_new)

    def remove_label(self, label: str) -> str:
        """Drop a type, and its own threshold if it has one. The other types' scores stay as they are.

        label (str): The label.
        RETURNS (str): Its description.
        RAISES (ValueError): If there is no such label.
        """
        if label not in self.cfg["labels"]:
            raise ValueError(Errors.B016.format(kind="label", name=label, known=", ".join(self.labels)))
        self.cfg["thresholds"].pop(label, None)
        return self.cfg["labels"].pop(label)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Union[dict[str, str], list[str]]] = None,
    ) -> None:
        """Load the encoders and set the labels.

        get_examples (Callable): Gives the training examples.
        nlp (Language, optional): The pipeline, whose score weights are checked.
        labels (dict or list, optional): Description of each label, or the labels only, as `spacy init labels` writes
            them. If None, the labels of the gold spans.
        RAISES (ValueError): If there are no labels, the gold spans are under another key, a gold span has no label or
            an unknown one, or no score weight names the spans key.
        """
        validate_get_examples(get_examples, "BinderNER.initialize")
        if labels is not None and not isinstance(labels, (dict, list, tuple)):
            given = type(labels).__name__
            raise ValueError(Errors.B014.format(setting="labels", name=self.name, given=given))
        if nlp is not None:
            self._check_score_weights(nlp)
        for label in labels or ():
            self.add_label(label, labels[label] if isinstance(labels, dict) else None)
        sample: list[Doc] = []
        self._read_examples(get_examples, sample, add_labels=labels is None)
        self._require_labels()
        unknown = ", ".join(label for label in self.cfg["thresholds"] if label not in self.cfg["labels"])
        if unknown:
            message = Warnings.BW08.format(unknown=unknown, name=self.name, labels=", ".join(self.labels))
            warnings.warn(message, stacklevel=2)
        self.model.initialize(X=self._input(sample, Search()))

    def _read_examples(self, get_examples: Callable, sample: list[Doc], *, add_labels: bool) -> None:
        n_spans = 0
        others: Counter[str] = Counter()
        for example in get_examples():
            if len(sample) < 10:
                sample.append(example.x)
            others.update({key: len(group) for key, group in example.reference.spans.items() if len(group)})
            for span in example.reference.spans.get(self.key, []):
                n_spans += 1
                if add_labels:
                    self.add_label(span.label_)
                elif span.label_ not in self.cfg["labels"]:
                    raise ValueError(self._unknown_label(span))
        if not n_spans and others:
            keys = ", ".join(f"doc.spans['{key}'] ({n})" for key, n in others.most_common())
            raise ValueError(Errors.B003.format(key=self.key, others=keys, name=self.name))

    def _unknown_label(self, span: Span) -> str:
        return Errors.B010.format(
            text=span.text,
            start=span.start,
            end=span.end,
            label=span.label_,
            name=self.name,
            labels=", ".join(self.labels),
        )

    def _check_score_weights(self, nlp: Language) -> None:
        weights = nlp.config["training"]["score_weights"]
        if any(weight for name, weight in weights.items() if name.startswith(f"spans_{self.key}_")):
            return
        if any(weight for name, weight in weights.items() if not name.startswith("spans_sc_")):
            return
        corpora = nlp.config.interpolate()["corpora"]
        if any(isinstance(corpus, dict) and corpus.get("path") for corpus in corpora.values()):
            raise ValueError(Errors.B004.format(key=self.key, name=self.name))
        warnings.warn(Warnings.BW02.format(key=self.key, name=self.name), stacklevel=3)

    def predict(self, docs: Iterable[Doc]) -> list[Candidates]:
        """Find the spans of some docs, without changing the docs.

        docs (Iterable[Doc]): The docs.
        RETURNS (list[Candidates]): The spans of each doc that beat their label's threshold, in document order.
        RAISES (ValueError): If the component was not initialized.
        """
        docs = list(docs)
        self._require_initialized()
        limits = margin_limits(self.cfg, self.labels)
        # repeat_weight and window_merge are not in what earlier versions saved.
        weight = self.cfg.get("repeat_weight", 0.0)
        union = self.cfg.get("window_merge") == "union"
        min_margin = numpy.minimum(limits, LOWEST_SUPPORTED_MARGIN) if weight else limits
        search = Search(min_margin, limits if self.cfg["joint_inference"] else None, MAX_SPANS_PER_WORD)
        output: BinderOutput[FoundSpans] = self.model.predict(self._input(docs, search))
        parts = []
        n_dropped = 0
        for found in output.passes:
            parts.append(find_tokens(output.windows, found, union=union))
            n_dropped += found.n_dropped
        if n_dropped:
            lowest = min([self.cfg["threshold"], *self.cfg["thresholds"].values()])
            message = Warnings.BW04.format(n=n_dropped, threshold=lowest, cap=MAX_SPANS_PER_WORD, name=self.name)
            self._warn_once("BW04", message)
        spans = group_by_doc(parts, self.labels, len(docs), union=union)
        if weight:
            pairs = zip(spans, docs, strict=True)
            spans = [support_repeats(of_doc, numpy.asarray(doc.to_array("ORTH")), weight) for of_doc, doc in pairs]
            spans = [filter_margins(of_doc, limits, allow_overlap=True) for of_doc in spans]
        return spans

    def set_annotations(self, docs: Iterable[Doc], candidates: list[Candidates]) -> None:
        """Write predicted spans to doc.spans, with `attrs["scores"]`, and to doc.ents if the settings say so.

        docs (Iterable[Doc]): The docs.
        candidates (list[Candidates]): The spans of each doc, from `predict`.
        """
        limits = margin_limits(self.cfg, self.labels)
        for doc, found in zip(docs, candidates, strict=True):
            found = filter_margins(found, limits, allow_overlap=self.cfg["allow_overlap"])
            doc.spans[self.key] = self._group(doc, found)
            if self.cfg["annotate_ents"]:
                doc.set_ents(list(self._group(doc, drop_overlaps(found))))

    def _group(self, doc: Doc, found: Candidates) -> SpanGroup:
        labels = self.labels
        spans = [
            Span(doc, start, end, label=labels[label])
            for start, end, label in zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True)
        ]
        scores = published_scores(found.margin, self.cfg["calibration"])
        return SpanGroup(doc, name=self.key, spans=spans, attrs={"scores": scores})

    def _input(self, docs: list[Doc], search: Search) -> BinderInput:
        return BinderInput(docs, list(self.label_data.values()), search)

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
        RAISES (ValueError): If a gold span has an unknown label.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BinderNER.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        self._require_initialized()
        if self.cfg["calibration"] is not None:
            self._warn_once("BW07", Warnings.BW07.format(name=self.name))
        set_dropout_rate(self.model, drop)
        gold = [self._aligned_gold(example) for example in examples]
        output: BinderOutput[ScoredWindows]
        output, backprop = self.model.begin_update(self._input([eg.predicted for eg in examples], Search()))
        most_words = self.model.get_ref("scorer").attrs["max_span_length"]
        targets, reasons = make_targets(output.windows, gold, max_span_length=most_words)
        self._count_gold(reasons, sum(len(spans) for spans in gold))
        for scored in output.passes:
            loss, d_scores = self.get_loss(scored, targets, len(output.windows))
            scored.backprop(d_scores)
            losses[self.name] += loss
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

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component to a folder. The encoders' weights go to files of their own.

        path (str / Path): The folder.
        exclude (Iterable[str]): Parts to leave out: cfg, model or vocab.
        """
        from .layers.encoder_shim import save_weights, weights_apart

        with weights_apart(self.model):
            super().to_disk(path, exclude=tuple(exclude))
        if "model" not in exclude:
            save_weights(self.model, Path(path))

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "BinderNER":
        """Load the component from a folder.

        path (str / Path): The folder.
        exclude (Iterable[str]): Parts to leave as they are: cfg, model or vocab.
        RETURNS (BinderNER): The component itself.
        """
        super().from_disk(path, exclude=tuple(exclude))
        if "model" not in exclude:
            from .layers.encoder_shim import load_weights

            load_weights(self.model, Path(path))
        return self

    def _require_initialized(self) -> None:
        if not self.model.get_ref("scorer").has_dim("nI"):
            raise ValueError(SpacyErrors.E109.format(name=self.name))
        self._require_labels()

    def _aligned_gold(self, example: Example) -> list[tuple[int, int, int]]:
        place = {label: i for i, label in enumerate(self.labels)}
        spans = example.reference.spans.get(self.key, [])
        for span in spans:
            if span.label_ not in place:
                raise ValueError(self._unknown_label(span))
        aligned = example.get_aligned_spans_y2x(spans, allow_overlap=True)
        self.gold_counts["not aligned with tokens"] += len(spans) - len(aligned)
        return sorted({(span.start, span.end, place[span.label_]) for span in aligned})

    def _count_gold(self, reasons: Counter[str], n_aligned: int) -> None:
        self.gold_counts["total"] += n_aligned
        self.gold_counts.update(reasons)
        lost = {reason: n for reason, n in self.gold_counts.items() if reason != "total" and n}
        if lost:
            total = self.gold_counts["total"] + self.gold_counts["not aligned with tokens"]
            parts = ", ".join(f"{n} {reason}" for reason, n in lost.items())
            message = Warnings.BW01.format(n=sum(lost.values()), total=total, name=self.name, reasons=parts)
            self._warn_once("BW01", message)

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            warnings.warn(message, stacklevel=3)
