"""What must hold whoever writes: the serving role itself cannot change what a decision was made on.

Violations are errors of class 23 (integrity), like those of a broken foreign key.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

FUNCTIONS = r"""
CREATE FUNCTION registry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Only the columns named as arguments may change.
CREATE FUNCTION registry_only_these_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - TG_ARGV::text[] IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV::text[] THEN
        RAISE EXCEPTION '% never changes but in %', TG_TABLE_NAME, TG_ARGV
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- The manifest's canonical bytes, as countersign.canonical writes them: sound paths hold no character that
-- the two would escape differently.
CREATE FUNCTION registry_manifest_holds(wanted uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT version.size = coalesce(sum(file.size), 0)
            AND version.digest = encode(sha256(convert_to(
            '{"files":[' || coalesce(string_agg(
                '{"path":' || to_json(file.path::text)::text || ',"sha256":"' || file.blob_id
                || '","size":' || file.size || '}', ',' ORDER BY file.path COLLATE "C"), '')
            || ']}', 'UTF8')), 'hex')
        FROM registry_modelversion version
            LEFT JOIN registry_manifestfile file ON file.version_id = version.id
        WHERE version.id = wanted GROUP BY version.size, version.digest), false)
$$;

CREATE FUNCTION registry_manifest_of_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Materialised, or the planner would ask once for every row.
    IF EXISTS (WITH one AS MATERIALIZED (SELECT DISTINCT version_id FROM added)
               SELECT FROM one WHERE NOT registry_manifest_holds(one.version_id)) THEN
        RAISE EXCEPTION 'the files of a manifest are not those of its version''s digest'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION registry_manifest_of_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT registry_manifest_holds(NEW.id) THEN
        RAISE EXCEPTION 'a version without the files its digest is of'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION registry_period_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'during' IS DISTINCT FROM to_jsonb(OLD) - 'during'
        OR lower(NEW.during) IS DISTINCT FROM lower(OLD.during)
        OR NOT upper_inf(OLD.during) OR upper_inf(NEW.during) OR isempty(NEW.during) THEN
        RAISE EXCEPTION 'a period of an alias can only end, once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- At commit, an alias points where its open period says, and there is no open period without an alias.
CREATE FUNCTION registry_alias_has_its_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched record;
    pointed uuid;
    told uuid;
BEGIN
    FOR touched IN
        SELECT OLD.model_id, OLD.name_folded WHERE TG_OP <> 'INSERT'
        UNION SELECT NEW.model_id, NEW.name_folded WHERE TG_OP <> 'DELETE'
    LOOP
        SELECT version_id INTO pointed FROM registry_alias
            WHERE model_id = touched.model_id AND name_folded = touched.name_folded;
        SELECT version_id INTO told FROM registry_aliasperiod
            WHERE model_id = touched.model_id AND name_folded = touched.name_folded AND upper_inf(during);
        IF pointed IS DISTINCT FROM told THEN
            RAISE EXCEPTION 'the alias % does not point where its history says', touched.name_folded
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION registry_run_still_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN registry_run run ON run.id = added.run_id
               WHERE run.state <> 'running') THEN
        RAISE EXCEPTION 'a sealed run takes no more telemetry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION registry_sealed_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a sealed run never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""

TRIGGERS = """
CREATE TRIGGER version_is_fixed BEFORE UPDATE ON registry_modelversion
    FOR EACH ROW EXECUTE FUNCTION registry_only_these_change('description', 'archived_at');
CREATE TRIGGER version_stays BEFORE DELETE ON registry_modelversion
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('versions are archived, never removed');
CREATE CONSTRAINT TRIGGER version_has_its_files AFTER INSERT ON registry_modelversion
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_manifest_of_version();
CREATE TRIGGER manifest_is_whole AFTER INSERT ON registry_manifestfile REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION registry_manifest_of_files();
CREATE TRIGGER manifest_is_fixed BEFORE UPDATE OR DELETE ON registry_manifestfile
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('a manifest never changes');
CREATE TRIGGER contributor_is_fixed BEFORE UPDATE OR DELETE ON registry_contributor
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('who made a version stays named');
CREATE TRIGGER version_input_is_fixed BEFORE UPDATE OR DELETE ON registry_versioninput
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('what a version learned from never changes');
CREATE TRIGGER lineage_edge_is_fixed BEFORE UPDATE OR DELETE ON registry_lineageedge
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('lineage is only added to');
CREATE TRIGGER model_stays BEFORE DELETE ON registry_registeredmodel
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('models are archived, never removed');
CREATE TRIGGER dataset_version_is_fixed BEFORE UPDATE OR DELETE ON registry_datasetversion
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('a dataset version never changes');
CREATE TRIGGER alias_period_only_ends BEFORE UPDATE ON registry_aliasperiod
    FOR EACH ROW EXECUTE FUNCTION registry_period_only_ends();
CREATE TRIGGER alias_period_stays BEFORE DELETE ON registry_aliasperiod
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('the history of aliases is never removed');
CREATE CONSTRAINT TRIGGER alias_has_its_period AFTER INSERT OR UPDATE OR DELETE ON registry_alias
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_alias_has_its_period();
CREATE CONSTRAINT TRIGGER alias_period_has_its_alias AFTER INSERT OR UPDATE ON registry_aliasperiod
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_alias_has_its_period();
CREATE TRIGGER sealed_run_is_fixed BEFORE UPDATE ON registry_run FOR EACH ROW
    WHEN (OLD.telemetry_digest <> '') EXECUTE FUNCTION registry_sealed_run();
CREATE TRIGGER run_stays BEFORE DELETE ON registry_run
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('runs are never removed');
"""

TELEMETRY = "".join(
    f"""
CREATE TRIGGER {name}_is_fixed BEFORE UPDATE OR DELETE ON registry_{name}
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('telemetry is only added to');
CREATE TRIGGER {name}_while_running AFTER INSERT ON registry_{name} REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION registry_run_still_runs();
"""
    for name in ("runparameter", "runmetric", "runinput")
)

NAMES = (
    "registry_refuse()",
    "registry_only_these_change()",
    "registry_manifest_of_files()",
    "registry_manifest_of_version()",
    "registry_manifest_holds(uuid)",
    "registry_period_only_ends()",
    "registry_alias_has_its_period()",
    "registry_run_still_runs()",
    "registry_sealed_run()",
)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("registry", "0001_tables")]
    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(
            [FUNCTIONS, TRIGGERS, TELEMETRY],
            [f"DROP FUNCTION {name} CASCADE" for name in NAMES],
        )
    ]
