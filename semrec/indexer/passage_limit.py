"""Items whose texts have more passages than a store takes of one item: found before they are encoded."""

from __future__ import annotations

from collections.abc import Callable

from semrec.encoder.encoder import Encoder
from semrec.encoder.passages import Chunker
from semrec.store import Manifest
from semrec.store.item_limits import most_passages, passages_fault

_SPECIAL_TOKENS = 2
"""Tokens of a passage that are not of its text, such as the first and the last one."""


class PassageLimit:
    """The most passages of one item.

    Parameters
    ----------
    manifest : of the generation that the items are for.
    encoder : loads its encoder; called only for long texts.
    """

    def __init__(self, manifest: Manifest, encoder: Callable[[], Encoder]) -> None:
        self._manifest = manifest
        self._encoder = encoder
        self._most = most_passages(manifest.dimension)

    def fault(self, text: str) -> str | None:
        """Return why the text of an item has too many passages, in words; None if it does not."""
        if len(text) <= self._most:  # a passage has at least a character
            return None
        chunker = Chunker(self._encoder(), self._manifest.passage_tokens)
        # A token has at least a byte, and two passages side by side are longer than one may be.
        least_tokens = max(1, chunker.passage_tokens - _SPECIAL_TOKENS)
        if 2 * len(text.encode()) / least_tokens + 1 <= self._most:
            return None
        return passages_fault(len(chunker.split([text])[0]), self._manifest.dimension)
