"""Tests of RoboReg, laid out as `roboreg_core` is."""
