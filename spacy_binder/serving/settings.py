"""What whoever starts a server can set: the pipeline, its batches and its limits."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What one request may ask for. What is more is refused before the pipeline sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(default=1_000_000, gt=0, description="Bytes per body")
    texts: int = Field(default=100, gt=0, description="Texts per request")
    text_length: int = Field(default=50_000, gt=0, description="Characters per text")
    labels: int = Field(default=100, gt=0, description="Labels per request")
    label_length: int = Field(default=100, gt=0, description="Characters per label")
    descriptions: int = Field(default=10, gt=0, description="Descriptions per label")
    description_length: int = Field(default=1000, gt=0, description="Characters per description")
    spans: int = Field(default=20_000, gt=0, description="Spans per answer")
    requests: int = Field(default=256, gt=0, description="Requests that wait or are under way")
    body_seconds: float = Field(default=10.0, gt=0, description="Seconds until a body has arrived")
    seconds: float = Field(default=30.0, gt=0, description="Seconds that a request waits for its answer")


class ServerSettings(BaseModel):
    """A pipeline, and how it is served. `spacy binder serve` and Ray Serve take the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="The pipeline: a folder or the name of an installed one")
    component: str = Field(default="", description="Name of its binder_ner, if it has several")
    wait_ms: float = Field(
        default=5.0, ge=0, description="Milliseconds that the first request of a batch waits for others"
    )
    batch_texts: int = Field(
        default=64, gt=0, description="Texts per batch. A text of n characters counts as 1 + n // 1000"
    )
    origins: tuple[str, ...] = Field(default=(), description="Web pages that may send requests (CORS)")
    hosts: tuple[str, ...] = Field(
        default=(), description="Names that requests may address the server by. If none, any name"
    )
    limits: Limits = Field(default_factory=Limits)
