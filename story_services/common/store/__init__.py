"""The store: what the services know of OpenSearch, in layers that each know only the ones before.

`documents` (what is stored), `outcomes` (what an answer means, how long to go on), `bulk`,
`requests` and `writes` (asking until there is an outcome), `client` (the connection and the face
of it all, `Store`). Beside them `analysis` and `mappings` say what the indices are, `indices`
owns their names and makes them, `migrate` moves data to a new version behind the alias.
`records`, `orders` and `keys` are built on `Store` and know nothing of the rest.

What all of it guarantees:

- A write is acknowledged when it is on the disk of the node, and survives `kill -9` of both.
- A conditional write happens once, however often it was sent; a create or put that lost to another
  write says so (`StoreConflict`, with the winner).
- Reading by id shows every acknowledged write at once, searching does after `refresh`.
- A store that is away, slow, full, starting or being migrated is `Unavailable` with a code and a
  reason, within the time limit, and works again by itself.

Rules for whoever writes through it:

- Every document that is changed carries a `nonce` of its own for each write.
- A document's id is given by us and follows from what it is, so that a repetition finds itself.
- `write` is for content that follows from its id; everything else is `create` or `put`.
- A token is kept as it was given. It stays good while its document does, a migration included.
"""
