-- +goose Up
-- What hashes of the erased are made with.
CREATE TABLE tombstone_key (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  secret TEXT    NOT NULL -- hex
);

-- Who was erased, by a hash. Who consented to something since has a lift_time.
CREATE TABLE tombstone (
  brand       TEXT   NOT NULL,
  hash        TEXT   NOT NULL, -- hex
  create_time BIGINT NOT NULL,
  lift_time   BIGINT,
  change_time BIGINT NOT NULL,
  PRIMARY KEY (brand, hash)
);

CREATE INDEX tombstone_by_change ON tombstone (change_time);

-- How long brands want what kept, in microseconds; NULL is for ever.
CREATE TABLE retention (
  brand     TEXT   PRIMARY KEY,
  version   BIGINT NOT NULL,
  records   BIGINT,
  free_text BIGINT,
  answers   BIGINT,
  due_time  BIGINT NOT NULL -- when somebody looks after it next
);

CREATE INDEX retention_due ON retention (due_time);
