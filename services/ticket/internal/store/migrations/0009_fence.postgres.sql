-- +goose Up
-- A row is shown to, changed for and taken from those alone who work for its brand, as
-- concentric.brand says until their transaction ends: a brand, or * for all. Who has said
-- nothing finds nothing. The owner of the tables is not asked.
-- +goose StatementBegin
DO $$
DECLARE
  fenced TEXT;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'ticket', 'interaction', 'reopening', 'ticket_event', 'partner', 'team', 'agent', 'issue_type',
    'problem', 'self_service_session', 'schedule', 'schedule_revision', 'sla_policy',
    'sla_policy_revision', 'sla_instance', 'sla_timer', 'sla_change', 'operation', 'rollup_head',
    'rollup_day', 'rollup_month', 'rollup_flow_day', 'rollup_flow_month', 'rollup_stale'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format($policy$CREATE POLICY brand ON %I
      USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
      WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*')$policy$, fenced);
  END LOOP;
END $$;
-- +goose StatementEnd
