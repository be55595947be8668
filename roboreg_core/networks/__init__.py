"""Dense networks that runs start from: shipped, trained here, or uploaded."""
