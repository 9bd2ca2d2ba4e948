"""`make bench`: speed, as ratios of things run side by side on this machine; nothing here passes or fails a build."""
