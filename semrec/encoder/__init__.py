"""Sentence encoders: texts in, vectors of unit length out."""

from semrec.encoder.encoder import Encoder
from semrec.encoder.loading import PRECISIONS, load_encoder, load_reference, precisions

__all__ = ["PRECISIONS", "Encoder", "load_encoder", "load_reference", "precisions"]
