-- A view of refs/retort, never an authority. Rows of `turns` and below are facts about one immutable commit (and, where the
-- column says "of the chain", about it and its first parents), so it does not matter when or in which order they were read.
-- Ids are blobs, times are milliseconds since 1970 UTC, money is billionths of a dollar.
-- A migration is never edited. One that changes what is read from a commit ends with `DELETE FROM refs; DELETE FROM turns;`:
-- the next sync then reads everything again.

CREATE TABLE repos (
  id INTEGER PRIMARY KEY,
  common_dir BLOB NOT NULL UNIQUE
);

-- What each ref was when it was last read.
CREATE TABLE refs (
  repo INTEGER NOT NULL,
  name TEXT NOT NULL,
  oid BLOB NOT NULL,
  PRIMARY KEY (repo, name)
) WITHOUT ROWID;

CREATE TABLE sessions (
  repo INTEGER NOT NULL,
  remote TEXT NOT NULL,               -- '' for our own
  id BLOB NOT NULL,
  tip BLOB NOT NULL,
  name TEXT,
  abandoned INTEGER NOT NULL,
  PRIMARY KEY (repo, remote, id)
) WITHOUT ROWID;
CREATE INDEX sessions_id ON sessions (repo, id);

CREATE TABLE turns (
  id INTEGER PRIMARY KEY,
  repo INTEGER NOT NULL,
  oid BLOB NOT NULL,
  parent BLOB,
  tree BLOB,
  depth INTEGER NOT NULL,             -- 1 for a root
  nth INTEGER NOT NULL,               -- turns of the chain up to here, notes not counted
  error TEXT,                         -- why it cannot be read; then the header is empty
  missing INTEGER NOT NULL,           -- the commit is not here (a shallow clone)
  text_read INTEGER NOT NULL DEFAULT 0,
  edits_read INTEGER NOT NULL DEFAULT 0,
  subject TEXT, kind TEXT, key BLOB, exchange BLOB, session BLOB, seq INTEGER, model TEXT, served TEXT,
  started INTEGER, ended INTEGER, base BLOB, branch TEXT, code BLOB, outcome TEXT,
  request_hash TEXT, request_length INTEGER, fork_session BLOB, fork_turn BLOB,
  -- Of the chain: the newest model, branch and end; and since its session began: first start, tokens and money.
  last_model TEXT, last_branch TEXT, last_end INTEGER, began INTEGER,
  sum_input INTEGER NOT NULL, sum_cache_read INTEGER NOT NULL, sum_cache_write INTEGER NOT NULL,
  sum_output INTEGER NOT NULL, sum_reasoning INTEGER NOT NULL, sum_cost INTEGER,
  UNIQUE (repo, oid)
);
CREATE INDEX turns_key ON turns (repo, key);
CREATE INDEX turns_exchange ON turns (repo, exchange);
CREATE INDEX turns_missing ON turns (repo) WHERE missing = 1;
CREATE INDEX turns_open ON turns (repo) WHERE outcome IN ('rejected', 'interrupted', 'recovered', 'uncommitted');

CREATE TABLE files (
  turn INTEGER NOT NULL,
  place INTEGER NOT NULL,
  path BLOB NOT NULL,
  status TEXT NOT NULL,
  added INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  PRIMARY KEY (turn, place)
) WITHOUT ROWID;

CREATE TABLE usage (
  turn INTEGER PRIMARY KEY,
  input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
  price_input INTEGER, price_cache_read INTEGER, price_output INTEGER, cost INTEGER
);

-- The tables below are filled from trees, when something first asks for them.
CREATE TABLE edits (
  turn INTEGER NOT NULL,
  place INTEGER NOT NULL,
  path BLOB NOT NULL,                 -- of a reject: as the model wrote it
  reason TEXT,                        -- NULL for a held change
  PRIMARY KEY (turn, place)
) WITHOUT ROWID;

CREATE TABLE events (
  turn INTEGER NOT NULL,
  place INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  fields TEXT NOT NULL,               -- a JSON object of strings
  PRIMARY KEY (turn, place)
) WITHOUT ROWID;

CREATE VIRTUAL TABLE messages USING fts5 (prompt, answer);

CREATE TRIGGER turns_gone AFTER DELETE ON turns BEGIN
  DELETE FROM files WHERE turn = old.id;
  DELETE FROM usage WHERE turn = old.id;
  DELETE FROM edits WHERE turn = old.id;
  DELETE FROM events WHERE turn = old.id;
  DELETE FROM messages WHERE rowid = old.id;
END;
