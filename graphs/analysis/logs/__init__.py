"""Log lines: templates, what is new, gone or at another rate, who complains about whom."""
