"""The same HTTP interface as a deployment of Ray Serve, whose replicas come and go with the number of requests."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from .settings import ServerSettings

if TYPE_CHECKING:
    from ray.serve import Application


# Ray looks at the annotation of `deployment` to check what the command `serve run` gets. So it has to be a class here.
class DeploymentSettings(ServerSettings):
    """How a pipeline is served, and by how many replicas."""

    min_replicas: int = Field(default=1, ge=0, description="The fewest replicas")
    max_replicas: int = Field(default=4, gt=0, description="The most replicas")
    requests_per_replica: int = Field(
        default=32, gt=0, description="Requests under way per replica. More replicas are started where there are more"
    )
    cpus: float = Field(default=1.0, gt=0, description="Processor cores per replica")
    gpus: float = Field(default=0.0, ge=0, description="GPUs per replica")


def deployment(settings: DeploymentSettings) -> "Application":
    """Make an application of Ray Serve: `serve run spacy_binder.serving:deployment model=training/model-best`.

    settings (DeploymentSettings): How a pipeline is served, and by how many replicas.
    RETURNS (Application): The application. Each replica loads the pipeline.
    RAISES (ImportError): If Ray Serve is not installed.
    """
    try:
        from ray import serve
    except ImportError as error:
        hint = 'Ray Serve is not installed. Install it by `pip install "spacy-binder[ray-serve]"`.'
        raise ImportError(hint) from error

    def load_api() -> Any:
        """Called in each replica."""
        from .loading import load_api as load

        return load(settings, gpu=settings.gpus > 0, threads=settings.cpus)

    options = {
        "name": "spacy-binder",
        "ray_actor_options": {"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        "max_ongoing_requests": settings.limits.requests,
        "autoscaling_config": {
            "min_replicas": settings.min_replicas,
            "max_replicas": max(settings.min_replicas, settings.max_replicas),
            "target_ongoing_requests": settings.requests_per_replica,
        },
    }
    return serve.deployment(**options)(serve.ingress(load_api)()).bind()
