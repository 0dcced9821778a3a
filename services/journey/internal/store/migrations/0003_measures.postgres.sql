-- +goose Up
-- Every word of every response is kept, so that the one before counts again where a
-- response is excluded, and so that it can be told what was known when. A withdrawn one
-- counts for nothing; the greatest version is the last word.
ALTER TABLE measure
  ADD COLUMN version     BIGINT  NOT NULL DEFAULT 1,
  ADD COLUMN withdrawn   INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN record_time BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE measure DROP CONSTRAINT measure_pkey;
ALTER TABLE measure ADD PRIMARY KEY (brand, target, customer, response, version);
