-- +goose Up
CREATE TABLE webhook_endpoint (
  brand           TEXT    NOT NULL,
  id              TEXT    NOT NULL,
  create_time     BIGINT  NOT NULL,
  update_time     BIGINT  NOT NULL,
  version         BIGINT  NOT NULL,
  url             TEXT    NOT NULL,
  description     TEXT    NOT NULL,
  event_types     TEXT    NOT NULL, -- JSON array; '' is all there are
  disabled        INTEGER NOT NULL,
  disabled_reason INTEGER NOT NULL,
  secret          TEXT    NOT NULL, -- sealed, as is the previous one
  previous_secret TEXT    NOT NULL, -- '' is none
  previous_expire BIGINT,
  failing_since   BIGINT,
  PRIMARY KEY (brand, id)
);

CREATE TABLE webhook_delivery (
  brand         TEXT    NOT NULL,
  endpoint      TEXT    NOT NULL,
  id            TEXT    NOT NULL, -- of the event
  event_type    TEXT    NOT NULL,
  about         TEXT    NOT NULL, -- the key of the event: a customer, mostly
  body          TEXT    NOT NULL,
  state         INTEGER NOT NULL,
  attempt_count INTEGER NOT NULL,
  attempts      TEXT    NOT NULL, -- JSON array of the last ten; '' is none
  next_time     BIGINT,           -- of the next attempt, NULL unless pending
  create_time   BIGINT  NOT NULL,
  PRIMARY KEY (brand, endpoint, id)
);

CREATE INDEX webhook_delivery_due ON webhook_delivery (brand, endpoint, next_time) WHERE next_time IS NOT NULL;
CREATE INDEX webhook_delivery_age ON webhook_delivery (create_time);
