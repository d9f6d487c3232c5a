"""Reading a dataset version for an evaluation in bounded memory: features for the sandbox batch by batch, labels and
groups for us alone."""

from governance.evaluation.data.contents import EvaluationData, Features, Sample
from governance.evaluation.data.opening import open_data, open_features

__all__ = ["EvaluationData", "Features", "Sample", "open_data", "open_features"]
