"""What many measured schedules tell together: arithmetic on points, without store and without jobs."""
