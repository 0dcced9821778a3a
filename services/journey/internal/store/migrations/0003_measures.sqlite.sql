-- +goose Up
-- Every rating is kept, so that the one before counts again where a response is
-- excluded. A withdrawn one counts for nothing; version says which word is the last.
CREATE TABLE kept_measure (
  brand           TEXT    NOT NULL,
  target          TEXT    NOT NULL,
  customer        TEXT    NOT NULL,
  response        TEXT    NOT NULL,
  submit_time     BIGINT  NOT NULL,
  rating          INTEGER NOT NULL,
  scale_min       INTEGER NOT NULL,
  scale_max       INTEGER NOT NULL,
  lower_is_better INTEGER NOT NULL,
  version         BIGINT  NOT NULL,
  withdrawn       INTEGER NOT NULL,
  PRIMARY KEY (brand, target, customer, response)
) WITHOUT ROWID;
INSERT INTO kept_measure (brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, version, withdrawn)
SELECT brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, 1, 0 FROM measure;
DROP TABLE measure;
ALTER TABLE kept_measure RENAME TO measure;
