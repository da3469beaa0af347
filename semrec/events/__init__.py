"""What users did and what changed in the catalog: the event log, its cleaning, and the change journal."""

FILE_NAME = "events.db"
"""The event log of a workspace, inside its folder."""
