-- +goose Up
-- Ids are the last segments of names; partner, team and agent are '' for none.
-- Enums are the numbers of the contract.
CREATE TABLE ticket (
  brand               TEXT    NOT NULL,
  id                  TEXT    NOT NULL,
  customer            TEXT    NOT NULL,
  subject             TEXT    NOT NULL,
  state               INTEGER NOT NULL,
  priority            INTEGER NOT NULL,
  issue_kind          INTEGER NOT NULL,
  stage               INTEGER NOT NULL,
  phase               INTEGER NOT NULL,
  channel             INTEGER NOT NULL,
  handling            INTEGER NOT NULL,
  origin              INTEGER NOT NULL,
  partner             TEXT    NOT NULL,
  team                TEXT    NOT NULL,
  agent               TEXT    NOT NULL,
  open_time           BIGINT  NOT NULL,
  first_response_time BIGINT,
  resolve_time        BIGINT,           -- NULL while open
  outcome             INTEGER NOT NULL, -- 0 while open
  reopen_count        INTEGER NOT NULL,
  attributes          TEXT    NOT NULL, -- a JSON object, its keys sorted
  create_time         BIGINT  NOT NULL,
  update_time         BIGINT  NOT NULL,
  version             BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX ticket_by_time     ON ticket (brand, open_time, id);
CREATE INDEX ticket_by_customer ON ticket (brand, customer, open_time, id);

-- The ends of the data span; a new ticket enters neither.
CREATE INDEX ticket_by_response   ON ticket (brand, first_response_time) WHERE first_response_time IS NOT NULL;
CREATE INDEX ticket_by_resolution ON ticket (brand, resolve_time)        WHERE resolve_time IS NOT NULL;

CREATE TABLE interaction (
  brand              TEXT    NOT NULL,
  ticket             TEXT    NOT NULL,
  id                 TEXT    NOT NULL,
  kind               INTEGER NOT NULL,
  direction          INTEGER NOT NULL,
  actor              INTEGER NOT NULL,
  agent              TEXT    NOT NULL,
  team               TEXT    NOT NULL,
  partner            TEXT    NOT NULL,
  channel            INTEGER NOT NULL,
  start_time         BIGINT  NOT NULL,
  end_time           BIGINT  NOT NULL,
  text               TEXT    NOT NULL,
  expectation        INTEGER NOT NULL,
  attributes         TEXT    NOT NULL,
  create_time        BIGINT  NOT NULL,
  PRIMARY KEY (brand, ticket, id)
);

CREATE INDEX interaction_by_time ON interaction (brand, ticket, start_time, id);

-- One row each time a resolved ticket was reopened: between its two times the
-- ticket was not open.
CREATE TABLE reopening (
  brand        TEXT    NOT NULL,
  ticket       TEXT    NOT NULL,
  number       INTEGER NOT NULL, -- 1 for the first
  resolve_time BIGINT  NOT NULL,
  reopen_time  BIGINT  NOT NULL,
  PRIMARY KEY (brand, ticket, number)
);
