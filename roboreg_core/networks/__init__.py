"""Dense networks that runs start from: example, trained here, or uploaded."""
