"""What is remembered, in SQL: one file per thing remembered, plain async functions that take the transaction first.

The ledger alone is the truth. Functions here change their own rows and nothing else; the verbs in `app/incidents` put a state
change, its timeline line and its audit row into one transaction (`async with ledger.write() as tx`).
"""
