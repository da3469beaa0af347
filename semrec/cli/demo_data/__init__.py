"""The bundled catalog: packages of Debian 12, and the packages that software projects depend on."""

from __future__ import annotations

from pathlib import Path

from semrec.indexer.read import FieldMapping

FOLDER = Path(__file__).parent / "debian_deps"
CATALOG = FOLDER / "items.parquet"
INTERACTIONS = FOLDER / "interactions.parquet"

MAPPING = FieldMapping(
    item_id="item_id", title="title", text="text", metadata=("categories", "tags"), lists=("tags",)
)

ATTRIBUTION = (
    "Package metadata from Debian 12 (bookworm); descriptions © their authors, under the free licence of the "
    "respective package; translations by the Debian Description Translation Project."
)

TEXT = "parse json quickly"
HISTORY = ("python3-numpy", "python3-scipy", "libgtk-3-dev")
