"""Reports: the state of a fleet as one model, and one module for each form that it can be written in."""
