"""Dense networks to start from: those that ship, and one's own, trained here or uploaded."""
