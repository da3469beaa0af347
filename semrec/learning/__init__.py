"""Learning from events: the fitted signals and the weights of the blend.

Arrays in, arrays out, but for `semrec.learning.fit`, which writes a generation. `learn` makes everything;
`scores` is the blend as served.
"""

from semrec.learning.models import LearnReport, Models
from semrec.learning.stages import learn, scores
from semrec.signals.fitting import TrainingData

__all__ = ["LearnReport", "Models", "TrainingData", "learn", "scores"]
