"""Dense networks: the networks that runs start from; train or upload more."""

from roboreg_core.ui import navigation, panels
from roboreg_core.ui.train import sections

navigation.enter("train")

panels.heading(
    "Every run starts from a dense network, which has all its filters. Use the example, train another, or upload "
    "yours; choose it on Design and Explore."
)
with panels.errors_shown():
    sections.everything()
