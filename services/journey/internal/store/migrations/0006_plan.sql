-- +goose Up
-- What every brand begins with is kept under the brand ''. A brand that changes some of
-- it has a row of its own, with the same id, which takes its place.
ALTER TABLE touchpoint_definition ADD COLUMN update_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE touchpoint_definition ADD COLUMN version     BIGINT NOT NULL DEFAULT 1;
ALTER TABLE touchpoint_definition ADD COLUMN criterion   TEXT   NOT NULL DEFAULT '';
ALTER TABLE touchpoint_definition ADD COLUMN expected    TEXT   NOT NULL DEFAULT ''; -- JSON; '' is none
UPDATE touchpoint_definition SET update_time = create_time;

CREATE TABLE journey_map (
  brand            TEXT    NOT NULL,
  id               TEXT    NOT NULL,
  create_time      BIGINT  NOT NULL,
  update_time      BIGINT  NOT NULL,
  version          BIGINT  NOT NULL,
  display_name     TEXT    NOT NULL,
  definitions      TEXT    NOT NULL, -- JSON array of ids; '' is all there are
  industry_profile TEXT    NOT NULL, -- its id; '' is none
  target_emotion   INTEGER NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE TABLE industry_profile (
  brand             TEXT   NOT NULL,
  id                TEXT   NOT NULL,
  create_time       BIGINT NOT NULL,
  update_time       BIGINT NOT NULL,
  version           BIGINT NOT NULL,
  display_name      TEXT   NOT NULL,
  criteria          TEXT   NOT NULL, -- JSON array
  steps             TEXT   NOT NULL, -- JSON; '' is none
  conversion_window BIGINT NOT NULL, -- microseconds; 0 is none
  PRIMARY KEY (brand, id)
);

-- What maps and profiles were before they were changed; the number of a revision is
-- the version.
CREATE TABLE plan_revision (
  brand      TEXT   NOT NULL,
  collection TEXT   NOT NULL,
  id         TEXT   NOT NULL,
  revision   BIGINT NOT NULL,
  document   TEXT   NOT NULL, -- JSON
  PRIMARY KEY (brand, collection, id, revision)
);
