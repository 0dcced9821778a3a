-- +goose Up
-- What is said of a customer, and what follows from the touchpoints, which is made anew
-- for those in customer_stale: times are 0 where there is none. The display name and
-- custom values are in sealed, encrypted; segments are the keys of a JSON object.
CREATE TABLE customer (
  brand            TEXT COLLATE "C" NOT NULL,
  id               TEXT COLLATE "C" NOT NULL,
  create_time      BIGINT           NOT NULL,
  update_time      BIGINT           NOT NULL,
  version          BIGINT           NOT NULL,
  sealed           TEXT             NOT NULL,
  segments         TEXT             NOT NULL,
  persona          TEXT             NOT NULL,
  anonymous        INTEGER          NOT NULL,
  delete_time      BIGINT,
  first_touchpoint TEXT             NOT NULL,
  first_customer   TEXT             NOT NULL,
  first_definition TEXT             NOT NULL,
  first_channel    INTEGER          NOT NULL,
  first_stage      INTEGER          NOT NULL,
  first_event_time BIGINT           NOT NULL,
  first_attributes TEXT             NOT NULL,
  stage            INTEGER          NOT NULL,
  last_event_time  BIGINT           NOT NULL,
  activity_status  INTEGER          NOT NULL,
  activity_due     BIGINT           NOT NULL,
  touchpoints      BIGINT           NOT NULL,
  services         BIGINT           NOT NULL,
  PRIMARY KEY (brand, id)
) WITH (fillfactor = 70);
CREATE INDEX customer_last ON customer (brand, last_event_time, id);

-- When time alone changes the activity of a customer.
CREATE INDEX customer_due ON customer (activity_due) WHERE activity_due > 0;

-- Whose an identity is, by the hash of its value: the customer it was linked to, whoever
-- that is part of.
CREATE TABLE customer_identity (
  brand     TEXT COLLATE "C" NOT NULL,
  hash      TEXT COLLATE "C" NOT NULL,
  customer  TEXT COLLATE "C" NOT NULL,
  type      INTEGER          NOT NULL,
  source    TEXT             NOT NULL,
  verified  INTEGER          NOT NULL,
  link_time BIGINT           NOT NULL,
  PRIMARY KEY (brand, hash)
);
CREATE INDEX customer_identity_of ON customer_identity (brand, customer);

-- Every word of a customer about a purpose.
CREATE TABLE customer_consent (
  brand       TEXT COLLATE "C" NOT NULL,
  customer    TEXT COLLATE "C" NOT NULL,
  purpose     TEXT COLLATE "C" NOT NULL,
  change_time BIGINT           NOT NULL,
  granted     INTEGER          NOT NULL,
  source      TEXT             NOT NULL,
  record_time BIGINT           NOT NULL,
  PRIMARY KEY (brand, customer, purpose, change_time, granted)
);

-- Which key the hashes and what is sealed were made with; the key itself only where the
-- operator gave none.
CREATE TABLE identity_key (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  fingerprint TEXT    NOT NULL,
  secret      TEXT    NOT NULL
);

INSERT INTO customer_stale (brand, customer)
SELECT DISTINCT brand, customer FROM touchpoint WHERE customer <> '' ON CONFLICT (brand, customer) DO NOTHING;
