"""Path parameters that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from semrec.service.request_models import Id

ItemId = Annotated[Id, Path(description="Id of an item; slashes need no escape.")]
UserId = Annotated[Id, Path(description="Id of a user; slashes need no escape.")]
