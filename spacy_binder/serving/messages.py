"""Requests and answers, as pydantic models. The OpenAPI description is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Optional, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .settings import Limits

# Characters that move the cursor or end a line. They have no place in a label, which logs and messages repeat.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
LABEL_PATTERN = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
VISIBLE = rf"[^\s{CONTROL}]"
# What spaCy's tokenizer takes off a word one by one. A run of it takes time by the square of its length, in which the
# whole server stands still: two seconds for 3,000 brackets. The longest text of shorter runs takes about as long.
AFFIXES = re.compile(r"(?:['\u2019][sS]|[^\w\s]|_)+")
MAX_AFFIXES = 300


class AnnotateRequest(BaseModel):
    """What `POST /annotate` takes. `request_model` adds the limits.

    texts (list[str]): The texts.
    labels (dict, optional): What describes each label: a text, several texts, or None for a label of the pipeline.
    threshold (float, optional): The score that spans have to exceed.
    """

    model_config = ConfigDict(extra="forbid")

    texts: list[str]
    labels: Optional[dict[str, Union[str, list[str], None]]] = None
    threshold: Optional[float] = None

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        """Stop at once, not with an error for each of thousands of keys."""
        if isinstance(given, dict) and (unknown := next((key for key in given if key not in cls.model_fields), None)):
            raise PydanticCustomError("unknown", "There is no key {key}", {"key": f"'{unknown:.60}'"})
        return given


class FoundSpan(BaseModel):
    """A span that was found."""

    start: int = Field(description="Its first character, counted from 0 in Unicode code points", ge=0)
    end: int = Field(description="The character after its last one", ge=0)
    label: str = Field(description="Its label")
    score: float = Field(description="Its score", ge=0, le=1)
    text: str = Field(description="Its text")


class TextResult(BaseModel):
    """What was found in one text."""

    spans: list[FoundSpan] = Field(description="Its spans in document order, outer ones first")


class AnnotateAnswer(BaseModel):
    """What was found in the texts."""

    results: list[TextResult] = Field(description="One result per text, in the order of the request")


class LabelInfo(BaseModel):
    """A label of the pipeline."""

    descriptions: list[str] = Field(description="What its spans are, in words")
    examples: int = Field(description="Number of example spans that it has", ge=0)
    threshold: float = Field(description="The score that its spans have to exceed", ge=0, le=1)


class LabelsAnswer(BaseModel):
    """The labels of the pipeline."""

    labels: dict[str, LabelInfo] = Field(description="They are searched for where a request names no labels")


class HealthAnswer(BaseModel):
    """A server that takes requests."""

    status: str = Field(description="Always `ok`")
    pipeline: str = Field(description="Language and name of the pipeline")
    version: str = Field(description="Version of the pipeline")


class Problem(BaseModel):
    """What is wrong with a request, or with the server."""

    code: Optional[str] = Field(description="The code of the message, if it has one")
    message: str = Field(description="What is wrong, and how to mend it")


def _kind(value: Any) -> Optional[str]:
    return "text" if isinstance(value, str) else "texts" if isinstance(value, list) else None


def _check_affixes(text: str) -> str:
    if any(len(run[0]) > MAX_AFFIXES for run in AFFIXES.finditer(text)):
        message = "A text should have at most {most} punctuation characters without a letter or space between them"
        raise PydanticCustomError("affixes", message, {"most": MAX_AFFIXES})
    return text


def request_model(limits: Limits, known: Iterable[str]) -> type[AnnotateRequest]:
    """Make the model of requests for a pipeline.

    limits (Limits): What a request may have. It is also said in the model's JSON schema.
    known (Iterable[str]): The labels of the pipeline.
    RETURNS (type[AnnotateRequest]): The model.
    """
    text = Annotated[str, Field(max_length=limits.text_length, strict=True), AfterValidator(_check_affixes)]
    label = Annotated[str, Field(min_length=1, max_length=limits.label_length, pattern=LABEL_PATTERN, strict=True)]
    description = Annotated[
        str, Field(min_length=1, max_length=limits.description_length, pattern=VISIBLE, strict=True)
    ]
    several = Annotated[list[description], Field(min_length=1, max_length=limits.descriptions)]
    words = Annotated[
        Union[Annotated[description, Tag("text")], Annotated[several, Tag("texts")]],
        Discriminator(
            _kind,
            custom_error_type="description",
            custom_error_message="A description should be a text, a list of texts, or null",
        ),
    ]

    def check_number(given: Any) -> Any:
        """Stop at once, not with an error for each of thousands of labels."""
        if isinstance(given, dict) and len(given) > limits.labels:
            most = {"most": f"{limits.labels:,}", "n": f"{len(given):,}"}
            raise PydanticCustomError("too_long", "There should be at most {most} labels, not {n}", most)
        return given

    labels = Annotated[
        dict[label, Optional[words]],
        BeforeValidator(check_number),
        Field(min_length=1, max_length=limits.labels),
        WithJsonSchema(_labels_schema(limits, known)),
    ]
    threshold = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
    fields: dict[str, Any] = {
        "texts": (
            Annotated[list[text], Field(min_length=1, max_length=limits.texts, description="The texts")],
            ...,
        ),
        "labels": (
            Annotated[
                Optional[labels],
                Field(
                    description="What to look for: a description per label, several of which the mean is taken, or "
                    "null for a label that the pipeline has. If there are none, the labels of the pipeline"
                ),
            ],
            None,
        ),
        "threshold": (
            Annotated[
                Optional[threshold],
                Field(description="The score that spans have to exceed. If there is none, that of the pipeline"),
            ],
            None,
        ),
    }
    return create_model("AnnotateRequest", __base__=AnnotateRequest, __doc__="Texts, and what to look for.", **fields)


def _labels_schema(limits: Limits, known: Iterable[str]) -> dict[str, Any]:
    """RETURNS (dict): The JSON schema of labels. Only labels that the pipeline has may do without a description."""
    description = {"type": "string", "minLength": 1, "maxLength": limits.description_length, "pattern": VISIBLE}
    several = {"type": "array", "items": description, "minItems": 1, "maxItems": limits.descriptions}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": limits.labels,
        "propertyNames": {
            "type": "string",
            "minLength": 1,
            "maxLength": limits.label_length,
            "pattern": LABEL_PATTERN,
        },
        "properties": {label: {"anyOf": [description, several, {"type": "null"}]} for label in known},
        "additionalProperties": {"anyOf": [description, several]},
    }
