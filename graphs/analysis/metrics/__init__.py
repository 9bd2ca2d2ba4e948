"""Series and spans: how far each moved, who is slow of itself and who only waits, which shape names a fault."""
