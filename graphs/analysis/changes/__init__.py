"""Changes: what each one alters, and which of them is to blame.

diff.py      a diff as a whole: `read_diff`, the only question the rest asks of a diff
edits.py     every edit of it, and what the rest of the diff takes away from it
altered.py removed.py added.py    a statement with a successor, without one, and without a predecessor
kind.py      what a kind of edit is · kinds/ the kinds, found by the folder: a new one is a function and its entry in `KINDS`
parts/       what a statement's parts tell, asked in turn by the three above: numbers, settings, conditions, calls
matching/    which statement became which, and what only looks like an edit
reading/     text as hunks, statements, tokens, words, numbers; no judgement
vocabulary/  the words of the trade, as data
suspects/    changes held against the symptoms: what shipped where, what ties it to what is seen, and who is to blame, if anyone
"""
