"""How work is run: deliveries in, jobs, the clock's jobs, messages out."""
