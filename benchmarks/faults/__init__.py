"""Fault injection: kills, stops and damages the running app, and checks that no work is lost and no figure is wrong."""
