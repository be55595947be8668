"""The Explore page: one module per tab. Sweeps, correlation, sensitivity, search, and the quality of predictions."""
