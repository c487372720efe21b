"""The store: what the services know of OpenSearch, in layers that each know only the ones before.

`documents` (what is stored), `outcomes` (what an answer means, how long to go on), `bulk`,
`requests` and `writes` (asking until there is an outcome), `client` (the connection and the face
of it all, `Store`). Beside them `analysis` and `mappings` say what the indices are, `indices`
owns their names and makes them, `migrate` (with `copying`, `migration_plan` and `migration_lock`)
moves data to a new version behind the alias. What else is here is built on `Store` alone.

What all of it guarantees:

- A write is acknowledged when it is on the disk of the node, and survives `kill -9` of both.
- A conditional write happens once, however often it was sent; a create or put that finds another
  write in its place says so (`StoreConflict`, with what is there). Ours may have been there before
  it when an answer was lost on the way: who must know looks into the versions.
- Reading by id shows every acknowledged write at once, searching does after `refresh`.
- A store that is away, slow, full, starting or being migrated is `Unavailable` with a code and a
  reason, within the time limit, and works again by itself.

Rules for whoever writes through it:

- Every document that is changed carries a `nonce` of its own for each write.
- A document's id is given by us and follows from what it is, so that a repetition finds itself.
- `write` is for content that follows from its id; everything else is `create` or `put`.
- A token is kept as it was given. It stays good while its document does, a migration included.

A mapping is changed in `mappings`, with the next number in `VERSIONS` and, when documents change
their form with it, a function in `migration_plan.CHANGES`. The new form must take what the program
before writes, as services go on while data moves; then the migration runs, then the new program.
"""
