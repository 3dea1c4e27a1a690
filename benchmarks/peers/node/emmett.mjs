// Emmett's event store for PostgreSQL, asked by one JSON object a line on standard input, answered by one a line.

import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { dumbo } from '@event-driven-io/dumbo';
import { getPostgreSQLEventStore, readMessagesBatch } from '@event-driven-io/emmett-postgresql';
import { EACH, prospect, views } from './views.mjs';

const PAGE = 1000;
// Its consumer asks again after so many milliseconds; fewer are in its favour.
const PULL = 5;
const wall = () => performance.timeOrigin + performance.now();
let store;
let pool;

// Nobody closes a consumer before the end: with it ends the pool of everything that has the same address.
const following = (options) => {
  const consumer = store.consumer(options);
  consumer.projector(views());
  return consumer;
};

const event = (meta, body) => ({
  type: 'ProspectCaptured',
  data: { body: 'b'.repeat(body) },
  metadata: { meta: 'm'.repeat(meta) },
});

const fresh = { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' };

const asked = {
  // Connects, and makes the store's tables.
  async open({ url }) {
    pool = dumbo({ connectionString: url });
    store = getPostgreSQLEventStore(url);
    await store.schema.migrate();
    return {};
  },

  // Each of so many callers appends to a new stream as soon as its last append is answered; seconds of each append.
  async append({ callers, batch, seconds, meta, body }) {
    const began = performance.now();
    const stop = began + seconds * 1000;
    const taken = [];
    const caller = async () => {
      for (let now = performance.now(); now < stop; now = performance.now()) {
        const events = Array.from({ length: batch }, () => event(meta, body));
        await store.appendToStream(`prospect-${randomUUID()}`, events, fresh);
        taken.push((performance.now() - now) / 1000);
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return { events: taken.length * batch, seconds: (performance.now() - began) / 1000, taken };
  },

  async truncate() {
    await store.schema.dangerous.truncate({ resetSequences: true });
    return {};
  },

  // So many events, in streams of `each`, the last of which is named in the answer.
  async fill({ events, each, meta, body }) {
    let stream = '';
    for (let done = 0; done < events; done += each) {
      stream = `prospect-${randomUUID()}`;
      await store.appendToStream(stream, Array.from({ length: each }, () => event(meta, body)), fresh);
    }
    return { stream };
  },

  // So many events of prospects, each step taken by all before the next.
  async prospects({ events }) {
    const all = Array.from({ length: events / EACH }, (_, number) => prospect(number));
    for (const { id, begun } of all) await store.appendToStream(`prospect-${id}`, begun, fresh);
    for (const { prediction, made } of all) await store.appendToStream(`prediction-${prediction}`, made, fresh);
    for (const { id, ended } of all) await store.appendToStream(`prospect-${id}`, ended, { expectedStreamVersion: 2n });
    return {};
  },

  // Its consumer follows all events from the first on, until none is left.
  async follow() {
    const consumer = following({ stopWhen: { noMessagesLeft: true } });
    const began = performance.now();
    await consumer.start();
    return { seconds: (performance.now() - began) / 1000 };
  },

  // So many prospects are captured at a rate while its consumer follows, and for `grace` seconds more: of each the global
  // position, and when its append was answered, in milliseconds since 1970.
  async lag({ rate, seconds, grace }) {
    const consumer = following({ pulling: { pullingFrequencyInMs: PULL } });
    const running = consumer.start();
    const began = performance.now();
    const sent = [];
    for (let number = 0; number < rate * seconds; number++) {
      const early = began + (number / rate) * 1000 - performance.now();
      if (early > 1) await sleep(early);
      const { id, begun } = prospect(number);
      const append = store.appendToStream(`prospect-${id}`, begun.slice(0, 1), fresh);
      sent.push(append.then(({ lastEventGlobalPosition }) => [Number(lastEventGlobalPosition), wall()]));
    }
    const answered = await Promise.all(sent);
    await sleep(grace * 1000);
    await consumer.stop();
    await running;
    return { answered };
  },

  // All events in global order, page by page.
  async replay() {
    const began = performance.now();
    let events = 0;
    let after = 0n;
    for (let left = true; left; ) {
      const page = await readMessagesBatch(pool.execute, { after, batchSize: PAGE });
      events += page.messages.length;
      after = page.currentGlobalPosition;
      left = page.messages.length === PAGE;
    }
    return { events, seconds: (performance.now() - began) / 1000 };
  },

  // One stream, again and again.
  async load({ stream, seconds }) {
    const began = performance.now();
    const stop = began + seconds * 1000;
    let events = 0;
    while (performance.now() < stop) {
      events += (await store.readStream(stream)).events.length;
    }
    return { events, seconds: (performance.now() - began) / 1000 };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { what, ...how } = JSON.parse(line);
  let answer;
  try {
    answer = await asked[what](how);
  } catch (problem) {
    answer = { problem: String(problem?.message ?? problem) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await store?.close();
await pool?.close();
