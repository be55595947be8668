"""The parts of the Inspect page: the choice of run and baseline, the finding, and one module per tab."""
