-- +goose Up
CREATE TABLE audit_event (
  brand      TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  event_time BIGINT  NOT NULL,
  subject    TEXT    NOT NULL,
  method     TEXT    NOT NULL,
  resource   TEXT    NOT NULL,
  request_id TEXT    NOT NULL,
  outcome    INTEGER NOT NULL,
  peer       TEXT    NOT NULL,
  salt       TEXT    NOT NULL, -- '' once a customer was erased from the resource
  digest     TEXT    NOT NULL, -- of both, which is what is sealed
  sequence   BIGINT,  -- NULL until it is sealed
  hash       TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (brand, id)
);

CREATE INDEX audit_event_open ON audit_event (brand, id) WHERE sequence IS NULL;
CREATE UNIQUE INDEX audit_event_chain ON audit_event (brand, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_event_time ON audit_event (brand, event_time, id);

-- Where the chain of a brand ends.
CREATE TABLE audit_head (
  brand    TEXT   PRIMARY KEY,
  sequence BIGINT NOT NULL,
  hash     TEXT   NOT NULL
);
