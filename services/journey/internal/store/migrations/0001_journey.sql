-- +goose Up
CREATE TABLE touchpoint_definition (
  brand          TEXT             NOT NULL,
  id             TEXT             NOT NULL,
  display_name   TEXT             NOT NULL,
  stage          INTEGER          NOT NULL,
  phase          INTEGER          NOT NULL,
  kind           INTEGER          NOT NULL,
  component      INTEGER          NOT NULL,
  channel        INTEGER          NOT NULL,
  function_owner INTEGER          NOT NULL,
  control_level  INTEGER          NOT NULL,
  is_service     INTEGER          NOT NULL,
  weight         DOUBLE PRECISION NOT NULL,
  create_time    BIGINT           NOT NULL,
  PRIMARY KEY (brand, id)
);

-- A row with same_as is no touchpoint: it holds the identity of the event that
-- came with a touchpoint whose id the caller chose. Its customer is empty and its
-- event_time -1, so that no list and no count sees it.
CREATE TABLE touchpoint (
  brand           TEXT             NOT NULL,
  id              TEXT             NOT NULL,
  customer        TEXT             NOT NULL,
  definition      TEXT             NOT NULL,
  event_time      BIGINT           NOT NULL,
  record_time     BIGINT           NOT NULL,
  source          TEXT             NOT NULL,
  event_id        TEXT             NOT NULL,
  channel         INTEGER          NOT NULL,
  stage           INTEGER          NOT NULL,
  phase           INTEGER          NOT NULL,
  expectation     INTEGER          NOT NULL,
  rating          INTEGER,
  scale_min       INTEGER,
  scale_max       INTEGER,
  lower_is_better INTEGER,
  ticket          TEXT,
  interaction     TEXT,
  response        TEXT,
  response_time   BIGINT,
  is_service      INTEGER          NOT NULL,
  weight          DOUBLE PRECISION NOT NULL,
  attributes      TEXT,
  same_as         TEXT
);
CREATE UNIQUE INDEX touchpoint_id ON touchpoint (brand, id);
CREATE INDEX touchpoint_customer ON touchpoint (brand, customer, event_time, id);
CREATE INDEX touchpoint_time ON touchpoint (brand, event_time);
CREATE INDEX touchpoint_interaction ON touchpoint (brand, interaction) WHERE interaction IS NOT NULL;

-- The rating of a customer that counts for a touchpoint, or for those of an
-- interaction; target is its name without the brand, and customer is empty where
-- nobody knows whose it is. It may come before the touchpoint.
CREATE TABLE measure (
  brand           TEXT    NOT NULL,
  target          TEXT    NOT NULL,
  customer        TEXT    NOT NULL,
  response        TEXT    NOT NULL,
  submit_time     BIGINT  NOT NULL,
  rating          INTEGER NOT NULL,
  scale_min       INTEGER NOT NULL,
  scale_max       INTEGER NOT NULL,
  lower_is_better INTEGER NOT NULL,
  PRIMARY KEY (brand, target, customer)
);

-- What is known of a resolution of a ticket, which may be corrected: the version of
-- the ticket that said it last.
CREATE TABLE resolution (
  brand        TEXT    NOT NULL,
  ticket       TEXT    NOT NULL,
  reopen_count INTEGER NOT NULL,
  version      BIGINT  NOT NULL,
  PRIMARY KEY (brand, ticket, reopen_count)
);
