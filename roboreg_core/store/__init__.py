"""What outlives the app: records of finished work, jobs and their events, artefact files. Domain-free."""
