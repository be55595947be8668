"""Search for the best schedules within limits on cost and accuracy loss."""
