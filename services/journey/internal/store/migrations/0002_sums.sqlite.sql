-- +goose Up
-- The sums of a customer's touchpoints in one stage and half-life; of the whole
-- brand where customer is empty.
CREATE TABLE stage_bucket (
  brand    TEXT    NOT NULL,
  customer TEXT    NOT NULL,
  bucket   BIGINT  NOT NULL,
  stage    INTEGER NOT NULL,
  w        BIGINT  NOT NULL,
  wx       BIGINT  NOT NULL,
  wxx      BIGINT  NOT NULL,
  ww       BIGINT  NOT NULL,
  n        BIGINT  NOT NULL,
  unscored BIGINT  NOT NULL,
  PRIMARY KEY (brand, customer, bucket, stage)
) WITHOUT ROWID;
