-- +goose Up

-- What a survey asks is kept in survey_revision as well, once it is published.
ALTER TABLE survey ADD COLUMN update_time      BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE survey ADD COLUMN revision         BIGINT  NOT NULL DEFAULT 1;
ALTER TABLE survey ADD COLUMN audience         INTEGER NOT NULL DEFAULT 1;
ALTER TABLE survey ADD COLUMN anonymous        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE survey ADD COLUMN expire_after     BIGINT  NOT NULL DEFAULT 1209600000000; -- microseconds
ALTER TABLE survey ADD COLUMN close_time       BIGINT;
ALTER TABLE survey ADD COLUMN language         TEXT    NOT NULL DEFAULT 'en';
ALTER TABLE survey ADD COLUMN introduction     TEXT    NOT NULL DEFAULT ''; -- JSON; '' is none
ALTER TABLE survey ADD COLUMN thanks           TEXT    NOT NULL DEFAULT ''; -- JSON; '' is none
ALTER TABLE survey ADD COLUMN consent_required INTEGER NOT NULL DEFAULT 0;
UPDATE survey SET update_time = create_time;

CREATE TABLE survey_revision (
  brand        TEXT   NOT NULL,
  survey       TEXT   NOT NULL,
  revision     BIGINT NOT NULL,
  create_time  BIGINT NOT NULL,
  questions    TEXT   NOT NULL,
  language     TEXT   NOT NULL,
  introduction TEXT   NOT NULL,
  thanks       TEXT   NOT NULL,
  PRIMARY KEY (brand, survey, revision)
);
INSERT INTO survey_revision (brand, survey, revision, create_time, questions, language, introduction, thanks)
SELECT brand, id, 1, create_time, questions, 'en', '', '' FROM survey;

CREATE TABLE trigger_rule (
  brand        TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  create_time  BIGINT  NOT NULL,
  update_time  BIGINT  NOT NULL,
  version      BIGINT  NOT NULL,
  display_name TEXT    NOT NULL,
  survey       TEXT    NOT NULL,
  inactive     INTEGER NOT NULL,
  kind         INTEGER NOT NULL, -- the number of the field of the trigger in the contract
  detail       TEXT    NOT NULL, -- JSON
  conditions   TEXT    NOT NULL, -- JSON; '' is none
  delay        BIGINT  NOT NULL, -- microseconds
  PRIMARY KEY (brand, id)
);
CREATE INDEX trigger_rule_by_survey ON trigger_rule (brand, survey);

-- How far the waves of a schedule have come.
CREATE TABLE wave (
  brand     TEXT   NOT NULL,
  rule      TEXT   NOT NULL,
  wave_time BIGINT NOT NULL,
  customer  TEXT   NOT NULL, -- the last one that was decided on
  done      INTEGER NOT NULL,
  PRIMARY KEY (brand, rule, wave_time)
);

-- What a customer has said about being asked, beside the lock.
ALTER TABLE contact ADD COLUMN opted_out   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contact ADD COLUMN channels    TEXT    NOT NULL DEFAULT ''; -- JSON; '' is none
ALTER TABLE contact ADD COLUMN consent     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contact ADD COLUMN consent_time BIGINT;
ALTER TABLE contact ADD COLUMN update_time BIGINT;
ALTER TABLE contact ADD COLUMN version     BIGINT  NOT NULL DEFAULT 0;

-- The stages in which a customer was seen.
CREATE TABLE reached_stage (
  brand    TEXT    NOT NULL,
  customer TEXT    NOT NULL,
  stage    INTEGER NOT NULL,
  PRIMARY KEY (brand, customer, stage)
);
INSERT INTO reached_stage (brand, customer, stage)
SELECT DISTINCT brand, customer, stage FROM response WHERE customer IS NOT NULL AND stage <> 0;

ALTER TABLE invitation ADD COLUMN state           INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invitation ADD COLUMN origin          INTEGER NOT NULL DEFAULT 1;
ALTER TABLE invitation ADD COLUMN survey_revision BIGINT  NOT NULL DEFAULT 1;
ALTER TABLE invitation ADD COLUMN trigger_rule    TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN ticket          TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN touchpoint      TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN agent           TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN team            TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN partner         TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN about_channel   INTEGER NOT NULL DEFAULT 0; -- of the attribution
ALTER TABLE invitation ADD COLUMN stage           INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invitation ADD COLUMN phase           INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invitation ADD COLUMN language        TEXT    NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN token_hash      TEXT; -- hex of SHA-256; NULL where nobody is asked or it is cancelled
ALTER TABLE invitation ADD COLUMN available_time  BIGINT;
ALTER TABLE invitation ADD COLUMN expire_time     BIGINT;
ALTER TABLE invitation ADD COLUMN send_time       BIGINT;
ALTER TABLE invitation ADD COLUMN deliver_time    BIGINT;
ALTER TABLE invitation ADD COLUMN display_time    BIGINT;
ALTER TABLE invitation ADD COLUMN start_time      BIGINT;
ALTER TABLE invitation ADD COLUMN dismiss_time    BIGINT;
ALTER TABLE invitation ADD COLUMN complete_time   BIGINT;
ALTER TABLE invitation ADD COLUMN end_time        BIGINT;
ALTER TABLE invitation ADD COLUMN response        TEXT    NOT NULL DEFAULT ''; -- the one that counts, within the brand
ALTER TABLE invitation ADD COLUMN version         BIGINT  NOT NULL DEFAULT 1;

UPDATE invitation SET state = 1, available_time = decide_time, expire_time = decide_time + 1209600000000 WHERE decision = 1;
UPDATE invitation SET
  response = COALESCE((SELECT r.id FROM response r WHERE r.brand = invitation.brand AND r.survey = invitation.survey AND r.invitation = invitation.id), '')
WHERE decision = 1;
UPDATE invitation SET
  state = 6,
  complete_time = (SELECT r.submit_time FROM response r WHERE r.brand = invitation.brand AND r.id = invitation.response)
WHERE response <> '';

CREATE UNIQUE INDEX invitation_by_token ON invitation (brand, token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX invitation_by_time         ON invitation (brand, decide_time, survey, id);
CREATE INDEX invitation_by_survey       ON invitation (brand, survey, decide_time, id);
CREATE INDEX invitation_by_customer     ON invitation (brand, substr(customer, 11), decide_time, survey, id); -- after customers/
CREATE INDEX invitation_pending         ON invitation (brand, customer, decide_time) WHERE state BETWEEN 1 AND 5;

ALTER TABLE response ADD COLUMN state           INTEGER NOT NULL DEFAULT 2;
ALTER TABLE response ADD COLUMN survey_revision BIGINT  NOT NULL DEFAULT 1;
ALTER TABLE response ADD COLUMN language        TEXT    NOT NULL DEFAULT '';
ALTER TABLE response ADD COLUMN duration        BIGINT  NOT NULL DEFAULT 0; -- microseconds; 0 is unknown
ALTER TABLE response ADD COLUMN draft           TEXT    NOT NULL DEFAULT ''; -- the answers of a partial one, JSON
ALTER TABLE response ADD COLUMN supersedes      TEXT    NOT NULL DEFAULT '';
ALTER TABLE response ADD COLUMN superseded_by   TEXT    NOT NULL DEFAULT '';
ALTER TABLE response ADD COLUMN version         BIGINT  NOT NULL DEFAULT 1;

-- An invitation has one response that counts or may come to count.
DROP INDEX response_by_invitation;
CREATE UNIQUE INDEX response_by_invitation ON response (brand, survey, invitation) WHERE invitation IS NOT NULL AND state <> 4;

-- Who took a response out of the measures or put it back, and why.
CREATE TABLE exclusion (
  brand      TEXT    NOT NULL,
  response   TEXT    NOT NULL,
  position   INTEGER NOT NULL,
  included   INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  principal  TEXT    NOT NULL,
  event_time BIGINT  NOT NULL,
  PRIMARY KEY (brand, response, position)
);

-- Only what counts is measured: a response that is excluded or superseded has 0 here.
ALTER TABLE answer ADD COLUMN counted  INTEGER NOT NULL DEFAULT 1;
ALTER TABLE answer ADD COLUMN choices  TEXT    NOT NULL DEFAULT ''; -- JSON array of ids, in the order of the question
ALTER TABLE answer ADD COLUMN language TEXT    NOT NULL DEFAULT '';

CREATE TABLE feedback (
  brand             TEXT    NOT NULL,
  id                TEXT    NOT NULL,
  create_time       BIGINT  NOT NULL,
  update_time       BIGINT  NOT NULL,
  version           BIGINT  NOT NULL,
  source            INTEGER NOT NULL,
  solicitation      INTEGER NOT NULL,
  event_time        BIGINT  NOT NULL,
  customer          TEXT    NOT NULL,
  rating            INTEGER,
  rating_min        INTEGER NOT NULL,
  rating_max        INTEGER NOT NULL,
  rating_inverse    INTEGER NOT NULL, -- 1 where a low one is good
  reaction          INTEGER NOT NULL,
  language          TEXT    NOT NULL,
  language_given    INTEGER NOT NULL,
  compound          DOUBLE PRECISION,
  label             INTEGER NOT NULL, -- the one that counts
  analyzed_label    INTEGER NOT NULL,
  analyzer          TEXT    NOT NULL,
  analyzer_version  TEXT    NOT NULL,
  override_label    INTEGER NOT NULL,
  override_reason   TEXT    NOT NULL,
  override_by       TEXT    NOT NULL,
  override_time     BIGINT,
  emotions          TEXT    NOT NULL, -- JSON; '' is none
  public_reach      BIGINT,
  cluster           TEXT    NOT NULL,
  ticket            TEXT    NOT NULL,
  touchpoint        TEXT    NOT NULL,
  external_id       TEXT,
  url               TEXT    NOT NULL,
  channel           INTEGER NOT NULL,
  stage             INTEGER NOT NULL,
  attributes        TEXT    NOT NULL, -- JSON
  action_owner      INTEGER NOT NULL, -- 0 is no action
  action_assignee   TEXT    NOT NULL,
  action_status     INTEGER NOT NULL,
  action_outcome    INTEGER NOT NULL,
  action_note       TEXT    NOT NULL,
  action_due        BIGINT,
  action_assigned   BIGINT,
  action_completed  BIGINT,
  words             TEXT    NOT NULL, -- what was said
  PRIMARY KEY (brand, id)
);
CREATE UNIQUE INDEX feedback_by_external_id ON feedback (brand, source, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX feedback_by_time               ON feedback (brand, event_time, id);
CREATE INDEX feedback_by_customer           ON feedback (brand, customer, event_time, id) WHERE customer <> '';
