"""The types of the component: its labels, what describes them, and other ones for one call."""

import os
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from threading import Lock
from typing import Any, Optional, TypeVar, Union

from spacy.errors import Errors as SpacyErrors
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc

from .config import default_description
from .descriptions import DescriptionT, TypeWords, make_words, read_words, write_words
from .errors import Errors
from .options import LabelsT, ThresholdT, settings_for_call
from .settings import ComponentSettings

PipeT = TypeVar("PipeT", bound="TypedPipe")

# Held while labels are changed: what one thread adds, another one must not lose. One for all components, because a
# component is copied and pickled.
changing = Lock()


def _renew_lock() -> None:
    global changing
    changing = Lock()


if hasattr(os, "register_at_fork"):
    # A fork has no thread that would release it.
    os.register_at_fork(after_in_child=_renew_lock)


class TypedPipe(TrainablePipe):
    """A component whose labels are described in words. They may change at any time, or be others for one call."""

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The labels of the component's types."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> dict[str, Any]:
        """RETURNS (dict): What describes each label, as `initialize` takes it: a text, a list of texts, or a dict with
        `description` and `examples`.
        """
        return dict(self.cfg["labels"])

    def add_label(
        self,
        label: str,
        description: Optional[Union[str, Sequence[str]]] = None,
        examples: Optional[Iterable[Any]] = None,
    ) -> int:
        """Add a type, or change what describes a known one. No weight depends on it, before or after training.

        label (str): The label.
        description (str / Sequence[str], optional): A text that says what spans of the type are, or several, of which
            the mean is taken. If None, a known label keeps its description, and a new one gets spaCy's explanation of
            the label, or the label in plain words.
        examples (Iterable, optional): Spans of the type in their sentences: spaCy's Span, or a dict with `text`, and
            `start` and `end` in characters. The type becomes the mean of its description and of them. Training does
            not use them. If None, a known label keeps its examples.
        RETURNS (int): 0 if the label was known, otherwise 1.
        RAISES (ValueError): If the label or a description is no text or empty, or an example can't be used.
        """
        return self._set_label(label, {"description": description, "examples": examples})

    def _set_label(self, label: str, value: Any) -> int:
        with changing:
            words = self._make_words(label, value)
            is_new = label not in self.cfg["labels"]
            self.cfg["labels"] = {**self.cfg["labels"], label: write_words(words)}
            self.vocab.strings.add(label)
        return int(is_new)

    def _make_words(self, label: Any, value: Any) -> TypeWords:
        """RETURNS (TypeWords): What describes a label. What the user doesn't give is that of the known label."""
        if not isinstance(label, str):
            raise ValueError(SpacyErrors.E187)
        if not label.strip():
            raise ValueError(Errors.B001.format(name=self.name, label=label))
        known: Optional[DescriptionT] = self.cfg["labels"].get(label)
        default = TypeWords((default_description(label),)) if known is None else read_words(known)
        most = self.model.get_ref("scorer").attrs["max_span_length"]
        words = make_words(self.name, label, value, default, vocab=self.vocab, max_span_length=most)
        baked = self._baked_texts
        if baked is not None and (unknown := [text for text in words.texts if text not in baked]):
            raise ValueError(Errors.B065.format(text=unknown[0][:80]))
        return words

    @property
    def _baked_texts(self) -> Optional[list[str]]:
        """RETURNS (list[str], optional): The only descriptions that a compact pipeline can have."""
        return self.model.get_ref("type_encoder").attrs.get("texts")

    def _require_encoder(self) -> None:
        if self._baked_texts is not None:
            raise ValueError(Errors.B066)

    def remove_label(self, label: str) -> Any:
        """Drop a type, and its own threshold if it has one. The other types' scores stay as they are.

        label (str): The label.
        RETURNS (str / list / dict): What described it, as in `label_data`.
        RAISES (ValueError): If there is no such label.
        """
        with changing:
            if label not in self.cfg["labels"]:
                raise ValueError(Errors.B016.format(kind="label", name=label, known=", ".join(self.labels)))
            labels, thresholds = dict(self.cfg["labels"]), dict(self.cfg["thresholds"])
            description = labels.pop(label)
            thresholds.pop(label, None)
            self.cfg.update(labels=labels, thresholds=thresholds)
        return description

    def __call__(self, doc: Doc, *, labels: Optional[LabelsT] = None, threshold: Optional[ThresholdT] = None) -> Doc:
        """Find the spans of a doc, and write them to it. A pipeline passes the options on from its `component_cfg`.

        doc (Doc): The doc.
        labels (Iterable[str] / Mapping, optional): Labels for this call, see `with_options`.
        threshold (float / Mapping, optional): Thresholds for this call, see `with_options`.
        RETURNS (Doc): The doc.
        """
        return super(TypedPipe, self.with_options(labels, threshold)).__call__(doc)

    def pipe(
        self,
        stream: Iterable[Doc],
        *,
        batch_size: int = 128,
        labels: Optional[LabelsT] = None,
        threshold: Optional[ThresholdT] = None,
    ) -> Iterator[Doc]:
        """Find the spans of a stream of docs, and write them to the docs.

        stream (Iterable[Doc]): The docs.
        batch_size (int): The number of docs that are processed at once. Defaults to 128.
        labels (Iterable[str] / Mapping, optional): Labels for this call, see `with_options`.
        threshold (float / Mapping, optional): Thresholds for this call, see `with_options`.
        RETURNS (Iterator[Doc]): The docs, in order.
        """
        return super(TypedPipe, self.with_options(labels, threshold)).pipe(stream, batch_size=batch_size)

    def with_options(self: PipeT, labels: Optional[LabelsT] = None, threshold: Optional[ThresholdT] = None) -> PipeT:
        """Make a component with other labels or thresholds. It shares the weights. This one stays as it is.

        labels (Iterable[str] / Mapping, optional): Some of the labels, or what describes each label, as for
            `initialize`, where None stands for what describes a known one. If None, the labels of this component.
        threshold (float / Mapping, optional): The score that spans have to exceed, for all labels, or the threshold of
            some labels. If None, the thresholds of this component.
        RETURNS (TypedPipe): The component, which is in no pipeline. Without options this one itself.
        RAISES (ValueError): If an option can't have its value.
        """
        if labels is None and threshold is None:
            return self
        changed = copy(self)
        changed.cfg = ComponentSettings(
            self.name, **settings_for_call(self.name, self.cfg, labels, threshold, self._make_words)
        )
        return changed
