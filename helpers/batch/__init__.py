"""Many clips, one after the other: a table of jobs -> a folder of runs and a page."""
