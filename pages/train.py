"""Train: the dense networks that runs start from; more are trained here or uploaded."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.train import sections

navigation.enter("train")

panels.heading(
    "Dense networks",
    "Every run starts from a dense network, one that keeps all its filters. Take the one that ships with the project, "
    "train another, or upload your own: it can then be chosen on the Design and Explore pages.",
)
with panels.errors_shown():
    sections.everything()
