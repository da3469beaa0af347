"""Made-up events, and vectors of unit length."""

import numpy as np
from scipy import sparse

from semrec.learning import TrainingData


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def checkerboard(n_users, n_items, seed=0, share=0.7):
    """Even users like even items and odd users odd ones; the text tells which items are which."""
    rng = np.random.default_rng(seed)
    likes = (np.arange(n_users)[:, None] + np.arange(n_items)[None, :]) % 2 == 0
    events = (likes & (rng.random(likes.shape) < share)).astype(np.float32)
    text = rng.normal(scale=0.3, size=(n_items, 4))
    text[:, 0] += np.where(np.arange(n_items) % 2 == 0, 1.0, -1.0)
    return TrainingData(sparse.csr_array(events), None, unit(text)), likes


def random_events(n_users, n_items, seed, share=0.3):
    rng = np.random.default_rng(seed)
    events = (rng.random((n_users, n_items)) < share) * rng.uniform(0.5, 2, (n_users, n_items))
    return sparse.csr_array(events.astype(np.float32))
