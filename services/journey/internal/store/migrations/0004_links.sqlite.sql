-- +goose Up
-- A touchpoint that was taken back keeps its row and counts for nothing. The digest is
-- of what the caller said of it: the same event with other content is refused.
ALTER TABLE touchpoint ADD COLUMN emotion        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE touchpoint ADD COLUMN value_minor    BIGINT;
ALTER TABLE touchpoint ADD COLUMN currency       TEXT;
ALTER TABLE touchpoint ADD COLUMN observed       DOUBLE PRECISION;
ALTER TABLE touchpoint ADD COLUMN digest         BIGINT;
ALTER TABLE touchpoint ADD COLUMN retract_time   BIGINT;
ALTER TABLE touchpoint ADD COLUMN retract_reason TEXT;

-- Who was merged into whom. A member belongs to a root, which is no member itself;
-- parent is whom it was merged into, for the merge to be taken back.
CREATE TABLE customer_link (
  brand     TEXT   NOT NULL,
  member    TEXT   NOT NULL,
  root      TEXT   NOT NULL,
  parent    TEXT   NOT NULL,
  link_time BIGINT NOT NULL,
  PRIMARY KEY (brand, member)
) WITHOUT ROWID;
CREATE INDEX customer_link_root ON customer_link (brand, root);

-- Customers of whom something has changed since they were last looked at.
CREATE TABLE customer_stale (
  brand    TEXT NOT NULL,
  customer TEXT NOT NULL,
  PRIMARY KEY (brand, customer)
) WITHOUT ROWID;

-- What sums depend on besides the touchpoints. Without a row of its own, layout 0 is
-- that of the default model and in use.
CREATE TABLE sum_layout (
  brand         TEXT             NOT NULL,
  layout        BIGINT           NOT NULL,
  half_life     BIGINT           NOT NULL,
  unmet         DOUBLE PRECISION NOT NULL,
  met           DOUBLE PRECISION NOT NULL,
  exceeded      DOUBLE PRECISION NOT NULL,
  reliabilities TEXT             NOT NULL,
  state         INTEGER          NOT NULL,
  PRIMARY KEY (brand, layout)
) WITHOUT ROWID;

-- The sums of a customer's touchpoints in one stage and half-life, those of service
-- and the rest; of the whole brand where customer is empty. The next start, which finds a
-- row in sum_rebuild, makes them anew from the touchpoints.
DROP TABLE stage_bucket;
CREATE TABLE stage_bucket (
  brand      TEXT    NOT NULL,
  layout     BIGINT  NOT NULL,
  customer   TEXT    NOT NULL,
  bucket     BIGINT  NOT NULL,
  stage      INTEGER NOT NULL,
  is_service INTEGER NOT NULL,
  w          BIGINT  NOT NULL,
  wx         BIGINT  NOT NULL,
  wxx        BIGINT  NOT NULL,
  ww         BIGINT  NOT NULL,
  n          BIGINT  NOT NULL,
  unscored   BIGINT  NOT NULL,
  PRIMARY KEY (brand, layout, customer, bucket, stage, is_service)
) WITHOUT ROWID;
CREATE TABLE sum_rebuild (
  layout BIGINT PRIMARY KEY
);
INSERT INTO sum_rebuild (layout) SELECT 0 WHERE EXISTS (SELECT 1 FROM touchpoint);
