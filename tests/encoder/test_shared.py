"""An encoder that several threads share."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from toy import ToyEncoder

from semrec.encoder.shared import SharedEncoder


class Slow(ToyEncoder):
    """Encodes one text a batch, and fails if two threads use it at once."""

    def __init__(self):
        super().__init__()
        self.inside = 0
        self.order = []

    def encode_documents(self, texts, progress=None):
        rows = []
        for text in texts:
            rows.append(self._alone(text))
            if progress:
                progress(1)
        return np.concatenate(rows)

    def encode_queries(self, texts):
        return np.concatenate([self._alone(text) for text in texts])

    def _alone(self, text):
        self.inside += 1
        assert self.inside == 1
        time.sleep(0.01)
        self.order.append(text)
        self.inside -= 1
        return ToyEncoder.encode_documents(self, [text])


def test_a_query_does_not_wait_for_all_documents():
    slow = Slow()
    shared = SharedEncoder(slow)
    heard = []
    much = threading.Thread(
        target=lambda: shared.encode_documents([f"d{n}" for n in range(40)], progress=heard.append)
    )
    much.start()
    while len(slow.order) < 3:
        time.sleep(0.001)
    shared.encode_queries(["q"])
    asked = slow.order.index("q")
    much.join()
    assert asked <= 8
    assert heard == [1] * 40
    assert [text for text in slow.order if text != "q"] == [f"d{n}" for n in range(40)]


def test_after_an_error_the_encoder_can_be_used():
    class Failing(ToyEncoder):
        def encode_documents(self, texts, progress=None):
            if progress is None:
                return super().encode_documents(texts)
            progress(1)
            raise RuntimeError("out of memory")

    shared = SharedEncoder(Failing())
    for _ in range(2):
        with pytest.raises(RuntimeError, match="out of memory"):
            shared.encode_documents(["a"])
    assert shared.encode_queries(["red"]).shape[0] == 1
