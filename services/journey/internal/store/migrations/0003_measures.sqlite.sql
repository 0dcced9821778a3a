-- +goose Up
-- Every word of every response is kept, so that the one before counts again where a
-- response is excluded, and so that it can be told what was known when. A withdrawn one
-- counts for nothing; the greatest version is the last word.
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
  record_time     BIGINT  NOT NULL,
  PRIMARY KEY (brand, target, customer, response, version)
) WITHOUT ROWID;
INSERT INTO kept_measure (brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, version, withdrawn, record_time)
SELECT brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, 1, 0, 0 FROM measure;
DROP TABLE measure;
ALTER TABLE kept_measure RENAME TO measure;
