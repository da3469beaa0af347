"""Learning from events: taste, neighbours, cold items, and the weights of the blend.

Arrays in, arrays out: nothing here reads, writes or prints. `learn` makes everything; `scores` is the
blend as served.
"""

from semrec.learning.models import LearnReport, Models, TrainingData
from semrec.learning.training import learn, scores

__all__ = ["LearnReport", "Models", "TrainingData", "learn", "scores"]
