"""Sweeps over schedules and what is learnt from them: analysis joined with the store and the job engine."""
