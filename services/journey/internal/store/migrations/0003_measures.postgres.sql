-- +goose Up
-- Every rating is kept, so that the one before counts again where a response is
-- excluded. A withdrawn one counts for nothing; version says which word is the last.
ALTER TABLE measure
  ADD COLUMN version   BIGINT  NOT NULL DEFAULT 1,
  ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE measure DROP CONSTRAINT measure_pkey;
ALTER TABLE measure ADD PRIMARY KEY (brand, target, customer, response);
