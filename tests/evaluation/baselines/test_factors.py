"""Factorisations of other libraries."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
from scipy import sparse

from semrec.evaluation.baselines import Features, LightFm


def test_lightfm_scores_with_item_biases(monkeypatch):
    """LightFM is hard to install, so a stand-in is used to check how its parts are combined."""

    class Model:
        def __init__(self, **options):
            assert options["loss"] == "warp"

        def fit(self, interactions, **options):
            self.shape = interactions.shape

        def get_item_representations(self):
            return np.array([10.0, 20.0]), np.array([[1.0, 0.0], [0.0, 1.0]])

        def get_user_representations(self):
            return np.array([99.0]), np.array([[3.0, 4.0]])

    monkeypatch.setitem(sys.modules, "lightfm", SimpleNamespace(LightFM=Model))
    scorer = LightFm().fit(sparse.csr_array(np.ones((1, 2), np.float32)), Features())
    assert scorer(np.array([0])).tolist() == [[13, 24]]
