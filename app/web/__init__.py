"""HTTP: what monitors and pipelines send, and how we are. Listens on 127.0.0.1 unless set otherwise."""
