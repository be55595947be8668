"""ResNet-20 built for a schedule, what it costs, and its checkpoints."""
