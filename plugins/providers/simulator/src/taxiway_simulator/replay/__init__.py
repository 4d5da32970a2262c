"""`taxiway simulator replay`: traffic through the real planner and executor, against simulated providers, in virtual time."""
