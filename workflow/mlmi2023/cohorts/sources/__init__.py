"""Raw data that the workflow makes by itself: simulators, and tables inside packages."""
