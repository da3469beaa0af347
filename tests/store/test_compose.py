"""compose.yaml starts the Qdrant that the client is pinned to, and not an open one."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

TEXT = (Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
QDRANT = COMPOSE["services"]["qdrant"]


def test_the_image_is_pinned_to_the_minor_version_of_the_client():
    tag = re.fullmatch(r"qdrant/qdrant:v(\d+\.\d+)\.\d+", QDRANT["image"])
    assert tag
    assert tag[1] == ".".join(version("qdrant-client").split(".")[:2])


def test_a_key_is_demanded_and_not_in_the_file():
    assert QDRANT["environment"]["QDRANT__SERVICE__API_KEY"].startswith("${QDRANT_API_KEY:?")


def test_data_outlives_the_container():
    [mount] = QDRANT["volumes"]
    name, target = mount.split(":")
    assert name in COMPOSE["volumes"]
    assert target == "/qdrant/storage"


def test_only_this_machine_can_connect():
    assert sorted(QDRANT["ports"]) == ["127.0.0.1:6333:6333", "127.0.0.1:6334:6334"]


def test_the_health_check_asks_qdrant_itself():
    command = QDRANT["healthcheck"]["test"]
    assert command[:3] == ["CMD", "bash", "-c"]
    assert "/dev/tcp/127.0.0.1/6333" in command[3]
    assert "curl" not in command[3]
    assert "$" not in command[3]  # compose would replace it
