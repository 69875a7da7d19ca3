"""Serve a pipeline by HTTP: alone (`spacy binder serve`), or by Ray Serve (`deployment`)."""

from .ray_serve import DeploymentSettings, deployment

__all__ = ["DeploymentSettings", "deployment"]
