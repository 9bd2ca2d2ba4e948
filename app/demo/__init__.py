"""The demo's shop: small real services, load, faults and a deploy tool. Standard library only; stands alone."""
