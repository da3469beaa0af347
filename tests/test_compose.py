"""compose.yaml and the Dockerfile: valid, pinned versions, no secrets, no open ports."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
QDRANT, POSTGRES, API = SERVICES["qdrant"], SERVICES["postgres"], SERVICES["api"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_it_follows_the_compose_specification():
    compose_spec = pytest.importorskip("compose_spec")
    assert set(compose_spec.PyCompose.from_yaml(TEXT).service_names()) == set(SERVICES)
    with pytest.raises(ValueError, match="bild"):  # an invalid file is an error
        compose_spec.PyCompose.from_yaml(TEXT.replace("build:", "bild:"))


def test_qdrant_is_pinned_to_the_minor_version_of_the_client():
    tag = re.fullmatch(r"qdrant/qdrant:v(\d+\.\d+)\.\d+", QDRANT["image"])
    assert tag
    assert tag[1] == ".".join(version("qdrant-client").split(".")[:2])


@pytest.mark.parametrize(
    ("service", "secret"),
    [(QDRANT, "QDRANT_API_KEY"), (POSTGRES, "POSTGRES_PASSWORD"), (API, "QDRANT_API_KEY")],
)
def test_secrets_are_required_and_not_in_the_file(service, secret):
    values = [str(value) for value in service["environment"].values() if secret in str(value)]
    assert values
    assert all(f"${{{secret}:?" in value for value in values)


@pytest.mark.parametrize("name", SERVICES)
def test_data_is_in_named_volumes(name):
    mounts = [mount.split(":")[0] for mount in SERVICES[name]["volumes"]]
    assert mounts
    assert set(mounts) <= set(COMPOSE["volumes"])


def test_only_this_machine_can_connect():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in POSTGRES


def test_the_health_check_of_qdrant_needs_no_other_program():
    command = QDRANT["healthcheck"]["test"]
    assert command[:3] == ["CMD", "bash", "-c"]
    assert "/dev/tcp/127.0.0.1/6333" in command[3]
    assert "curl" not in command[3]
    assert "$" not in command[3]  # compose would replace it


def test_the_api_starts_after_its_services_are_healthy():
    waits = {name: how["condition"] for name, how in API["depends_on"].items()}
    assert waits == {"qdrant": "service_healthy", "postgres": "service_healthy"}
    assert "healthcheck" in POSTGRES
    assert "HEALTHCHECK" in DOCKERFILE


def test_every_variable_of_the_api_is_a_setting():
    from semrec.config import Settings

    groups = [field.annotation for field in Settings.model_fields.values()]
    variables = {
        f"{group.model_config['env_prefix']}{name.upper()}" for group in groups for name in group.model_fields
    }
    assert set(API["environment"]) <= variables


def test_the_image_copies_existing_files_and_has_its_own_user():
    context = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert f"!{source}" in context
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER semrec$", last_stage, re.MULTILINE)


def test_the_image_has_the_pinned_version_of_torch():
    [pinned] = re.findall(r"^torch==\S+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"ARG TORCH={pinned}\n" in DOCKERFILE
