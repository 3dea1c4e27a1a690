-- A head only ever moves on, a closed one not at all, and an erased subject stays erased, whoever holds the right to update the row.

create or replace function everlog.guard_head() returns trigger language plpgsql as $$
begin
    if new.tenant_id <> old.tenant_id or new.position < old.position or new.generation < old.generation
        or new.recorded_at < old.recorded_at then
        raise exception 'a head never moves back' using errcode = 'check_violation';
    end if;
    -- Whoever writes down what another installation recorded says so, in a setting of their transaction.
    if old.closed is not null and new.position > old.position
        and current_setting('everlog.arriving', true) is distinct from 'on' then
        raise exception 'the log is closed' using errcode = 'EV001';
    end if;
    return new;
end $$;

create or replace trigger guard before update on everlog.heads
    for each row execute function everlog.guard_head();

create or replace function everlog.guard_subject() returns trigger language plpgsql as $$
begin
    if new.subject <> old.subject or (old.wrapped is null and new.wrapped is not null) then
        raise exception 'an erased subject stays erased' using errcode = 'check_violation';
    end if;
    return new;
end $$;

create or replace trigger guard before update on everlog.subject_keys
    for each row execute function everlog.guard_subject();
