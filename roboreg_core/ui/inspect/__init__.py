"""The parts of the Inspect page: the choice of run and baseline, what is found, and a module a tab."""
