-- +goose Up
-- What a ticket has beside the columns of 0001. Most have their defaults when it is
-- opened, so that opening one stays cheap.
ALTER TABLE ticket ADD COLUMN issue_type          TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN problem             TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN cause_touchpoint    TEXT    NOT NULL DEFAULT ''; -- its id; the customer is the ticket's
ALTER TABLE ticket ADD COLUMN campaign            TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN external_id         TEXT;                        -- NULL for none: the index serves a search for one
ALTER TABLE ticket ADD COLUMN follow_up_of        TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN merged_into         TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN avoidable           INTEGER NOT NULL DEFAULT 0;  -- 1 for true, as all truths here
ALTER TABLE ticket ADD COLUMN grievance           INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN redress_steps       TEXT    NOT NULL DEFAULT ''; -- a JSON array, or nothing
ALTER TABLE ticket ADD COLUMN sla_policy          TEXT    NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN sla_policy_revision BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN sla_policy_given    INTEGER NOT NULL DEFAULT 0;  -- by the caller, not by the order of the policies
ALTER TABLE ticket ADD COLUMN escalation_level    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN handoff_count       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN interaction_count   INTEGER NOT NULL DEFAULT 0;  -- all of them; there is a limit
ALTER TABLE ticket ADD COLUMN contact_count       INTEGER NOT NULL DEFAULT 0;  -- those the customer has seen
ALTER TABLE ticket ADD COLUMN inbound_after       INTEGER NOT NULL DEFAULT 0;  -- inbound interactions after the first response
ALTER TABLE ticket ADD COLUMN responder           TEXT    NOT NULL DEFAULT ''; -- the agent of the first response by an agent
ALTER TABLE ticket ADD COLUMN other_responder     INTEGER NOT NULL DEFAULT 0;  -- whether another agent responded too
ALTER TABLE ticket ADD COLUMN cost_micros         BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN costed_count        INTEGER NOT NULL DEFAULT 0;  -- interactions that state a cost
ALTER TABLE ticket ADD COLUMN outcome_confirmed   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN close_time          BIGINT;
ALTER TABLE ticket ADD COLUMN delete_time         BIGINT;
ALTER TABLE ticket ADD COLUMN import_digest       TEXT    NOT NULL DEFAULT ''; -- of the imported row, in hex

CREATE INDEX ticket_by_external_id ON ticket (brand, external_id)        WHERE external_id IS NOT NULL;
CREATE INDEX ticket_by_problem     ON ticket (brand, problem)            WHERE problem <> '';
CREATE INDEX ticket_to_close       ON ticket (resolve_time)              WHERE state = 5;
CREATE INDEX ticket_to_purge       ON ticket (delete_time)               WHERE delete_time IS NOT NULL;

ALTER TABLE interaction ADD COLUMN cost_micros BIGINT;
ALTER TABLE interaction ADD COLUMN redact_time BIGINT;
ALTER TABLE interaction ADD COLUMN from_state  INTEGER NOT NULL DEFAULT 0; -- of the ticket before it
ALTER TABLE interaction ADD COLUMN to_state    INTEGER NOT NULL DEFAULT 0; -- of the ticket after it
ALTER TABLE interaction ADD COLUMN number      BIGINT  NOT NULL DEFAULT 0; -- its place in the log; 0 of those recorded before there was one

UPDATE ticket SET
  interaction_count = (SELECT COUNT(*) FROM interaction i WHERE i.brand = ticket.brand AND i.ticket = ticket.id),
  contact_count     = (SELECT COUNT(*) FROM interaction i WHERE i.brand = ticket.brand AND i.ticket = ticket.id AND i.direction <> 3),
  inbound_after     = (SELECT COUNT(*) FROM interaction i WHERE i.brand = ticket.brand AND i.ticket = ticket.id AND i.direction = 1
                         AND i.start_time > ticket.first_response_time),
  responder         = COALESCE((SELECT i.agent FROM interaction i WHERE i.brand = ticket.brand AND i.ticket = ticket.id
                         AND i.kind IN (1, 2, 3) AND i.direction = 2 AND i.actor = 1 AND i.agent <> ''
                         ORDER BY i.start_time, i.create_time, i.id LIMIT 1), ''),
  other_responder   = (SELECT CASE WHEN COUNT(DISTINCT i.agent) > 1 THEN 1 ELSE 0 END FROM interaction i
                         WHERE i.brand = ticket.brand AND i.ticket = ticket.id
                         AND i.kind IN (1, 2, 3) AND i.direction = 2 AND i.actor = 1 AND i.agent <> '');

-- The log of a ticket, but for its opening, which the ticket tells, and for its
-- interactions, which have a table. A value is '' or 0 where it does not apply. An
-- entry that changes a value keeps the one before as well, so that the ticket as it
-- was at any time can be told.
CREATE TABLE ticket_event (
  brand               TEXT    NOT NULL,
  ticket              TEXT    NOT NULL,
  number              BIGINT  NOT NULL, -- the version of the ticket that it made
  kind                INTEGER NOT NULL,
  event_time          BIGINT  NOT NULL,
  record_time         BIGINT  NOT NULL,
  from_state          INTEGER NOT NULL,
  to_state            INTEGER NOT NULL,
  agent               TEXT    NOT NULL DEFAULT '',
  team                TEXT    NOT NULL DEFAULT '',
  partner             TEXT    NOT NULL DEFAULT '',
  agent_before        TEXT    NOT NULL DEFAULT '',
  team_before         TEXT    NOT NULL DEFAULT '',
  partner_before      TEXT    NOT NULL DEFAULT '',
  priority            INTEGER NOT NULL DEFAULT 0,
  priority_before     INTEGER NOT NULL DEFAULT 0,
  outcome             INTEGER NOT NULL DEFAULT 0,
  other_ticket        TEXT    NOT NULL DEFAULT '',
  sla_policy          TEXT    NOT NULL DEFAULT '',
  sla_policy_revision BIGINT  NOT NULL DEFAULT 0,
  reason              TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (brand, ticket, number)
);

-- What the tables of 0001 tell of the log: resolutions and reopenings.
INSERT INTO ticket_event (brand, ticket, number, kind, event_time, record_time, from_state, to_state)
  SELECT brand, ticket, 2 * number, 8, resolve_time, resolve_time, 2, 5 FROM reopening;
INSERT INTO ticket_event (brand, ticket, number, kind, event_time, record_time, from_state, to_state)
  SELECT brand, ticket, 2 * number + 1, 9, reopen_time, reopen_time, 5, 2 FROM reopening;
INSERT INTO ticket_event (brand, ticket, number, kind, event_time, record_time, from_state, to_state, outcome)
  SELECT brand, id, 2 * reopen_count + 2, 8, resolve_time, update_time, 2, 5, outcome FROM ticket WHERE resolve_time IS NOT NULL;
