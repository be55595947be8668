"""The parts of the Inspect page: the choice of run and baseline, what is found, and one module per tab."""
