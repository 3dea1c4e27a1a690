// Our first views as an Emmett projection of plain SQL: prospects, funnel, trail, prediction book and scores.

import { randomUUID } from 'node:crypto';
import { SQL } from '@event-driven-io/dumbo';
import { postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';

// Events of one prospect: captured, a signal, its prediction, a stage, an outcome.
export const EACH = 5;
const DAY = '2026-01-01';
const AT = '2026-01-01T00:00:00Z';

export const prospect = (number) => {
  const id = randomUUID();
  const probability = (number % 1000) / 1000;
  return {
    id,
    prediction: randomUUID(),
    begun: [
      { type: 'Captured', data: { id, name: `Person ${number}`, email: `p${number}@example.org`, industry: `${number % 10}` } },
      { type: 'Observed', data: { id, kind: 'application', strength: 1, codes: ['sponsor:2B', 'value-band:B'] } },
    ],
    made: [{ type: 'Made', data: { prospect: id, number, probability, likely: '["won"]', digest: '0'.repeat(64) } }],
    ended: [
      { type: 'Moved', data: { id, left: 'new', entered: 'met' } },
      { type: 'Won', data: { id, left: 'met', value: 1000, currency: 'EUR' } },
    ],
  };
};

const funnel = (stage, industry, change) => SQL`
  insert into emmett_views.funnel as f values (${DAY}, ${stage}, ${industry}, ${change})
  on conflict (day, stage, industry) do update set change = f.change + excluded.change`;

const stage = (id, left, entered, version) => SQL`
  with moved as (update emmett_views.prospects set stage = ${entered}, version = ${version}, changed_at = ${AT}
    where id = ${id} returning industry)
  insert into emmett_views.funnel as f select ${DAY}::date, x.stage, moved.industry, x.change
  from moved, (values (${left}, -1), (${entered}, 1)) as x (stage, change)
  on conflict (day, stage, industry) do update set change = f.change + excluded.change`;

const written = {
  Captured: ({ id, name, email, industry }) => [
    SQL`insert into emmett_views.prospects
      (id, name, email, industry, captured_at, changed_at, version, signals, notes, stage)
      values (${id}, ${name}::text::bytea, ${email}::text::bytea, ${industry}, ${AT}, ${AT}, 1, 0, 0, 'new')`,
    funnel('new', industry, 1),
  ],
  Observed: ({ id }, version) => [
    SQL`update emmett_views.prospects set signals = signals + 1, version = ${version}, changed_at = ${AT} where id = ${id}`,
  ],
  Made: ({ prospect, number, probability, likely, digest }) => [
    SQL`insert into emmett_views.book (id, prospect, model, number, at, probability, likely, digest, outcome)
      values (${randomUUID()}, ${prospect}, 'prospects.conversion', ${number}, ${AT}, ${probability}, ${likely}, ${digest}, '')`,
    SQL`insert into emmett_views.scores as t
      values (${DAY}, 'prospects.conversion', ${Math.floor(probability * 1000)}, '', 1, false, 1)
      on conflict (day, model, bin, outcome, size, covered) do update set change = t.change + excluded.change`,
  ],
  Moved: ({ id, left, entered }, version) => [stage(id, left, entered, version)],
  Won: ({ id, left }, version) => [
    stage(id, left, 'won', version),
    SQL`with settled as (update emmett_views.book set outcome = 'won' where prospect = ${id} and outcome = ''
        returning floor(probability * 1000)::int as bin)
      insert into emmett_views.scores as t select ${DAY}::date, 'prospects.conversion', settled.bin, x.outcome, 1, x.covered, x.change
      from settled, (values ('', false, -1), ('won', true, 1)) as x (outcome, covered, change)
      on conflict (day, model, bin, outcome, size, covered) do update set change = t.change + excluded.change`,
  ],
};

// Under a new name each time, so that it begins at the first event again.
export const views = () => {
  const name = `views-${randomUUID()}`;
  return {
    processorId: name,
    projection: postgreSQLRawSQLProjection({
      name,
      canHandle: Object.keys(written),
      evolve: ({ type, data, metadata }) => [
        ...written[type](data, Number(metadata.streamPosition)),
        SQL`insert into emmett_views.audit (position, at, type, capability, resource, version)
          values (${Number(metadata.globalPosition)}, ${AT}, ${type}, 'prospects', ${data.id ?? data.prospect},
            ${Number(metadata.streamPosition)})`,
      ],
    }),
  };
};
