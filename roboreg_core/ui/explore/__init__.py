"""The Explore page: one module per tab. Sweeps, correlation, sensitivity, search, and how well predictions did."""
