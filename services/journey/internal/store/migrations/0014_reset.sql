-- +goose Up
-- The versions that what every brand begins with had when brands deleted their own.
CREATE TABLE plan_reset (
  brand      TEXT   NOT NULL,
  collection TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  PRIMARY KEY (brand, collection, id)
);
