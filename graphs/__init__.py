"""The thinking: a supervisor, at most three investigators a round, a judge. Graphs know ports, never vendors."""
