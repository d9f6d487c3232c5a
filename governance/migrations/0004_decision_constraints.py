"""What must hold whoever writes: decisions are never rewritten, who made a version signs no approval of it, and a
protected alias points at what was promoted.

Violations are errors of class 23 (integrity), like those of a broken foreign key. The triggers on what people
signed and on promotions are ENABLE ALWAYS, so that `session_replication_role` does not walk past them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

FUNCTIONS = r"""
-- Separation of duties S1 and S2. The review's row is locked, so that two sign-offs of one instant see each
-- other; authorship is signed by those who made the version.
CREATE FUNCTION governance_sign_off_duties() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM governance_review WHERE id = NEW.review_id FOR NO KEY UPDATE;
    IF NEW.meaning <> 'authorship' AND EXISTS (
        SELECT FROM governance_review review
            JOIN registry_contributor contributor ON contributor.version_id = review.version_id
        WHERE review.id = NEW.review_id AND contributor.user_id = NEW.person_id)
    THEN
        RAISE EXCEPTION 'who made a version does not sign for it (S1)'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.decision = 'approve' AND EXISTS (
        SELECT FROM governance_signoff other
        WHERE other.review_id = NEW.review_id AND other.subject_digest = NEW.subject_digest
            AND other.decision = 'approve' AND other.id <> NEW.id
            AND (other.person_id = NEW.person_id
                OR (other.meaning = NEW.meaning AND other.role = NEW.role))
            AND NOT EXISTS (
                SELECT FROM governance_signoff objection
                WHERE objection.review_id = other.review_id AND objection.person_id = other.person_id
                    AND objection.decision <> 'approve' AND objection.signed_at >= other.signed_at))
    THEN
        RAISE EXCEPTION 'one person fills one required sign-off, and each is filled once (S2)'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION governance_period_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'during' IS DISTINCT FROM to_jsonb(OLD) - 'during'
        OR lower(NEW.during) IS DISTINCT FROM lower(OLD.during)
        OR NOT upper_inf(OLD.during) OR upper_inf(NEW.during) OR isempty(NEW.during) THEN
        RAISE EXCEPTION 'a period in which a version was live can only end, once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- At commit, the alias of an environment points at the version that is live there, and at none where none is.
CREATE FUNCTION governance_alias_points_at_live(model uuid, environment uuid, alias text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (SELECT version_id FROM registry_alias WHERE model_id = model AND name_folded = alias)
        IS NOT DISTINCT FROM
        (SELECT version_id FROM governance_liveperiod period
            WHERE period.model_id = model AND period.environment_id = environment AND upper_inf(during))
$$;

CREATE FUNCTION governance_alias_moves_with_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched record;
BEGIN
    FOR touched IN
        SELECT DISTINCT moved.model_id, environment.id, environment.alias_folded
        FROM (SELECT OLD.model_id, OLD.name_folded WHERE TG_OP <> 'INSERT'
              UNION SELECT NEW.model_id, NEW.name_folded WHERE TG_OP <> 'DELETE') AS moved
            JOIN governance_environment environment ON environment.alias_folded = moved.name_folded
    LOOP
        IF NOT governance_alias_points_at_live(touched.model_id, touched.id, touched.alias_folded) THEN
            RAISE EXCEPTION 'the protected alias % moves only by promotion', touched.alias_folded
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION governance_live_has_its_alias() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    folded text;
BEGIN
    SELECT alias_folded INTO folded FROM governance_environment WHERE id = NEW.environment_id;
    IF NOT governance_alias_points_at_live(NEW.model_id, NEW.environment_id, folded) THEN
        RAISE EXCEPTION 'what is live and the protected alias % part ways', folded
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""

WRITTEN_ONCE = "".join(
    f"""
CREATE TRIGGER {name}_is_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('{why}');
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}_is_fixed;
"""
    for name, table, why in (
        ("sign_off", "governance_signoff", "what a person signed is never rewritten"),
        ("remark", "governance_remark", "what a person said on the record stays"),
        ("promotion", "governance_promotion", "what was made live, by whom and why, is never rewritten"),
    )
)

TRIGGERS = """
CREATE CONSTRAINT TRIGGER sign_off_duties AFTER INSERT ON governance_signoff
    FOR EACH ROW EXECUTE FUNCTION governance_sign_off_duties();
ALTER TABLE governance_signoff ENABLE ALWAYS TRIGGER sign_off_duties;
CREATE TRIGGER review_is_fixed BEFORE UPDATE ON governance_review
    FOR EACH ROW EXECUTE FUNCTION registry_only_these_change('state', 'decided_at');
CREATE TRIGGER review_stays BEFORE DELETE ON governance_review
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('reviews end, they are not removed');
CREATE TRIGGER evidence_is_fixed BEFORE UPDATE ON governance_evaluation FOR EACH ROW
    WHEN (OLD.state <> 'waiting') EXECUTE FUNCTION registry_refuse('an evaluation that ended never changes');
CREATE TRIGGER evaluation_stays BEFORE DELETE ON governance_evaluation
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('evidence is never removed');
CREATE TRIGGER live_period_only_ends BEFORE UPDATE ON governance_liveperiod
    FOR EACH ROW EXECUTE FUNCTION governance_period_only_ends();
CREATE TRIGGER live_period_stays BEFORE DELETE ON governance_liveperiod
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('the history of what was live is never removed');
CREATE CONSTRAINT TRIGGER alias_moves_with_promotion AFTER INSERT OR UPDATE OR DELETE ON registry_alias
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION governance_alias_moves_with_promotion();
CREATE CONSTRAINT TRIGGER live_has_its_alias AFTER INSERT OR UPDATE ON governance_liveperiod
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION governance_live_has_its_alias();
"""

NAMES = (
    "governance_sign_off_duties()",
    "governance_period_only_ends()",
    "governance_alias_moves_with_promotion()",
    "governance_live_has_its_alias()",
    "governance_alias_points_at_live(uuid, uuid, text)",
)
# Triggers whose function is the registry's and stays.
REFUSING = (
    ("sign_off_is_fixed", "governance_signoff"),
    ("remark_is_fixed", "governance_remark"),
    ("promotion_is_fixed", "governance_promotion"),
    ("review_is_fixed", "governance_review"),
    ("review_stays", "governance_review"),
    ("evidence_is_fixed", "governance_evaluation"),
    ("evaluation_stays", "governance_evaluation"),
    ("live_period_stays", "governance_liveperiod"),
)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [
        ("governance", "0003_card_and_policy_constraints"),
        ("registry", "0002_constraints"),
    ]
    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(
            [FUNCTIONS, WRITTEN_ONCE, TRIGGERS],
            [
                *(f"DROP TRIGGER {name} ON {table}" for name, table in REFUSING),
                *(f"DROP FUNCTION {name} CASCADE" for name in NAMES),
            ],
        )
    ]
