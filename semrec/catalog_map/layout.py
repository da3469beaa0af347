"""The layout of the map: a place in the plane for every vector, similar ones near each other.

The first two principal components of sentence vectors hold about 8 % of their variance, and most groups lie
on top of each other. So some hundred landmarks are laid out by t-SNE (van der Maaten & Hinton, "Visualizing
Data using t-SNE", 2008), which keeps neighbours together; other vectors are placed between their most similar
landmarks. The layout is computed when the catalog is indexed; then placing a vector is fast.
"""

from __future__ import annotations

from importlib import import_module
from threading import Thread

import numpy as np

from semrec.mathematics.rows import unit_rows
from semrec.types import Float2D

LANDMARKS = 512
"""Landmarks of a map. Twice as many cost 2.5 s of every build instead of 0.9 s and look no better."""

FEWEST_FOR_TSNE = 32
"""Fewer landmarks have no neighbourhoods for t-SNE; principal components are used."""

PERPLEXITY = 30.0
STEPS = 500
COMPONENTS = 50

NEAREST = 8
"""Number of landmarks between which a vector is placed."""

SHARPNESS = 12.0
"""A landmark has the weight exp(12 · cosine)."""


def prepare() -> None:
    """Start to import what `lay_out` needs; it takes a second, so a build does it meanwhile."""
    Thread(target=import_module, args=("sklearn.manifold",), name="semrec-layout", daemon=True).start()


def lay_out(vectors: Float2D) -> Float2D:
    """Return a place for every landmark.

    Parameters
    ----------
    vectors : float32 (n, dim), the landmarks, centred or not.

    Returns
    -------
    float32 (n, 2), every coordinate in [-1, 1]; the same vectors always give the same places. No rows for
    no vectors; a single vector, or equal ones, are placed in the middle.
    """
    if len(vectors) < FEWEST_FOR_TSNE:
        return _fitted(_principal(vectors, 2))
    from sklearn.manifold import TSNE  # slow to import, and only builds need it

    points = unit_rows(_principal(vectors, COMPONENTS))
    start = _principal(points, 2)
    spread = float(start[:, 0].std())
    if spread == 0.0:
        return np.zeros((len(vectors), 2), np.float32)
    layout = TSNE(
        init=start / np.float32(spread) * np.float32(1e-4),  # the scale of t-SNE's own start
        perplexity=min(PERPLEXITY, len(points) / 8),
        max_iter=STEPS,
        random_state=0,
    )
    return _fitted(layout.fit_transform(points))


def place(vectors: Float2D, landmarks: Float2D, places: Float2D) -> Float2D:
    """Return a place for every vector: the mean of its nearest landmarks, nearer ones with more weight.

    Parameters
    ----------
    vectors : float32 (n, dim), centred.
    landmarks : float32 (m, dim), centred by the same mean; at least one.
    places : float32 (m, 2), what `lay_out` returned.

    Returns
    -------
    float32 (n, 2), within the bounds of `places`; the vector of a landmark gets almost its place.
    """
    cosines = unit_rows(vectors) @ unit_rows(landmarks).T
    n_nearest = min(NEAREST, len(landmarks))
    nearest = np.argpartition(-cosines, n_nearest - 1, axis=1)[:, :n_nearest]
    weights = np.exp(SHARPNESS * (np.take_along_axis(cosines, nearest, axis=1) - 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkc->nc", weights, places[nearest]).astype(np.float32)


def _principal(vectors: Float2D, n_components: int) -> Float2D:
    """Return the first principal components, float32 (n, n_components); missing ones are 0.

    The sign of a component is arbitrary: its largest entry is made positive, so that maps do not flip.
    """
    components = np.zeros((len(vectors), n_components), np.float32)
    if len(vectors) > 1:
        u, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
        found = (u * s)[:, :n_components]
        found *= np.where(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])] < 0, -1, 1)
        components[:, : found.shape[1]] = np.where(s[:n_components] > 1e-6 * max(s[0], 1e-6), found, 0)
    return components


def _fitted(points: Float2D) -> Float2D:
    """Return points moved and scaled into [-1, 1], by the same factor in both axes."""
    if not len(points):
        return np.zeros((0, 2), np.float32)
    lowest, highest = points.min(axis=0), points.max(axis=0)
    reach = float((highest - lowest).max()) / 2
    return ((points - (lowest + highest) / 2) / (reach or 1.0)).astype(np.float32)
