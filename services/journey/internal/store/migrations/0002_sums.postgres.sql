-- +goose Up
-- Identifiers compare byte by byte, as on SQLite.
ALTER TABLE touchpoint_definition
  ALTER COLUMN brand TYPE TEXT COLLATE "C",
  ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE touchpoint
  ALTER COLUMN brand TYPE TEXT COLLATE "C",
  ALTER COLUMN id TYPE TEXT COLLATE "C",
  ALTER COLUMN customer TYPE TEXT COLLATE "C",
  ALTER COLUMN interaction TYPE TEXT COLLATE "C";
ALTER TABLE measure
  ALTER COLUMN brand TYPE TEXT COLLATE "C",
  ALTER COLUMN target TYPE TEXT COLLATE "C",
  ALTER COLUMN customer TYPE TEXT COLLATE "C",
  ALTER COLUMN response TYPE TEXT COLLATE "C";

-- The sums of a customer's touchpoints in one stage and half-life; of the whole
-- brand where customer is empty. Rows are changed more often than added.
CREATE TABLE stage_bucket (
  brand    TEXT COLLATE "C" NOT NULL,
  customer TEXT COLLATE "C" NOT NULL,
  bucket   BIGINT           NOT NULL,
  stage    INTEGER          NOT NULL,
  w        BIGINT           NOT NULL,
  wx       BIGINT           NOT NULL,
  wxx      BIGINT           NOT NULL,
  ww       BIGINT           NOT NULL,
  n        BIGINT           NOT NULL,
  unscored BIGINT           NOT NULL,
  PRIMARY KEY (brand, customer, bucket, stage)
) WITH (fillfactor = 70);
