"""One file per thing we can change; each exposes `ACTION`. An action declares its effects and never names its own tier."""
