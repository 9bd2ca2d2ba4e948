"""The language-model layer: what fills the `Model` port. It writes and orders; it decides nothing."""
