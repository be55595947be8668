"""The Explore page: a module a tab. Sweeps, correlation, sensitivity, search, and how well predictions did."""
