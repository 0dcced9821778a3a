-- +goose Up

-- What this service has to tell the others, and what became of it.
CREATE TABLE outbox (
  id          TEXT   PRIMARY KEY,
  brand       TEXT   NOT NULL,
  key         TEXT   NOT NULL,
  kind        TEXT   NOT NULL CHECK (kind <> ''),
  payload     BYTEA  NOT NULL CHECK (length(payload) <= 500000), -- well below what the bus takes
  create_time BIGINT NOT NULL,
  lease_time  BIGINT NOT NULL DEFAULT 0, -- until then it is with a replica's relay
  stream      BIGINT NOT NULL DEFAULT 0, -- the incarnation that holds it; 0: none
  sequence    BIGINT NOT NULL DEFAULT 0, -- its place there
  sent_time   BIGINT                     -- when it was first sent
);

CREATE INDEX outbox_due ON outbox (id) WHERE stream = 0;
CREATE INDEX outbox_due_again ON outbox (sent_time) WHERE stream = 0 AND sent_time IS NOT NULL;
CREATE UNIQUE INDEX outbox_held ON outbox (stream, sequence) WHERE sequence > 0;

-- Incarnations of the stream that lost something and are being made anew.
CREATE TABLE condemned (
  stream       BIGINT PRIMARY KEY,
  condemn_time BIGINT NOT NULL
);

-- The events this service has dealt with.
CREATE TABLE inbox (
  id          TEXT   PRIMARY KEY,
  create_time BIGINT NOT NULL
);

CREATE INDEX inbox_by_age ON inbox (create_time);

-- The keys whose events wait, and how many of them ever did.
CREATE TABLE stopped_key (
  brand    TEXT   NOT NULL,
  key      TEXT   NOT NULL,
  arrivals BIGINT NOT NULL,
  PRIMARY KEY (brand, key)
);

CREATE TABLE dead_letter (
  id          TEXT    PRIMARY KEY,
  brand       TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  position    BIGINT  NOT NULL, -- in the line of its key
  payload     BYTEA   NOT NULL,
  reason      TEXT    NOT NULL, -- empty: it only waits
  attempts    INTEGER NOT NULL,
  create_time BIGINT  NOT NULL
);

CREATE INDEX dead_letter_line ON dead_letter (brand, key, position);
CREATE INDEX dead_letter_by_age ON dead_letter (create_time, id);
