import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Chance } from './chance.js';
import type { Stage } from './stage.js';

/** A fault, from its start to its end. */
export interface Fault {
  readonly name: string;
  run(): Promise<void>;
}

export interface FaultOptions {
  readonly stage: Stage;
  readonly chance: Chance;
  answered(): number;
  say(text: string): void;
}

/** Longest interruption of Kafka in a long run: longer than its clients wait for an answer. Milliseconds. */
const LONGEST_SILENCE = 14_000;

/** Kills a server and waits until another process of it runs. */
async function killed(server: { readonly pid: number }, name: string): Promise<void> {
  const { pid } = server;
  process.kill(pid, 'SIGKILL');
  for (const end = performance.now() + 90_000; server.pid === pid; await sleep(50))
    if (performance.now() > end) throw new Error(`${name} does not come back`);
}

/** All faults in an order set by the seed; each kind occurs once before any occurs twice. */
export function* faultsOf(options: FaultOptions): Generator<Fault> {
  const { stage, chance } = options;
  const databases = [...stage.proxies.keys()].filter((name) => name !== 'log');
  const proxyOf = (name: string) => {
    const proxy = stage.proxies.get(name);
    if (proxy === undefined) throw new Error(`no proxy before ${name}`);
    return proxy;
  };
  const kafkaProxy = () => {
    if (stage.kafkaProxy === null) throw new Error('no proxy before Kafka');
    return stage.kafkaProxy;
  };
  /** A running process; one that exited during its start has some seconds to be started again. */
  const processOf = async (name: string) => {
    const found = stage.processes.get(name);
    if (found === undefined) throw new Error(`no process ${name}`);
    for (const end = performance.now() + 5_000; !found.running && performance.now() < end;) await sleep(50);
    if (!found.running) throw new Error(`${name} has exited: ${found.log.slice(-2_000)}`);
    return found;
  };
  const kinds: readonly (() => Fault)[] = [
    () => {
      const calm = chance.between(1_500, 4_000);
      return {
        name: `Kafka is killed, and stays away ${calm} ms longer than its start takes`,
        run: async () => {
          const before = options.answered();
          await killed(stage.kafka, 'Kafka');
          const meanwhile = options.answered() - before;
          if (meanwhile === 0) throw new Error('no call was answered while Kafka was away');
          options.say(`${meanwhile} calls answered while Kafka was away`);
          await sleep(calm);
        },
      };
    },
    () => {
      const name = chance.of(stage.of('ledger'));
      const pause = chance.between(200, 2_000);
      return { name: `${name} is killed for ${pause} ms`, run: async () => (await processOf(name)).crash(pause) };
    },
    () => ({ name: 'PostgreSQL is killed', run: () => killed(stage.postgres, 'PostgreSQL') }),
    () => {
      const name = chance.of(['ledger', 'ledger', ...databases]);
      const count = chance.between(1, 20);
      return {
        name: `${count} answers of the database of ${name} are lost after the statements took effect`,
        run: async () => {
          proxyOf(name).loseAnswers(count);
          await sleep(1_500);
          proxyOf(name).loseAnswers(0);
        },
      };
    },
    () => {
      const count = chance.between(1, 10);
      return {
        name: `${count} acknowledgements of Kafka are lost after it stored the records`,
        run: async () => {
          // only produce requests contain these bytes
          kafkaProxy().loseAnswers(count, 'ce_specversion');
          await sleep(2_000);
          kafkaProxy().loseAnswers(0);
        },
      };
    },
    () => ({
      name: 'every connection to Kafka is cut',
      run: () => {
        kafkaProxy().cut();
        return Promise.resolve();
      },
    }),
    () => {
      const ms = chance.between(2_000, LONGEST_SILENCE);
      return {
        name: `nothing passes to Kafka for ${ms} ms, without an error`,
        run: async () => {
          kafkaProxy().pause();
          await sleep(ms);
          kafkaProxy().resume();
        },
      };
    },
    () => {
      const name = chance.of([...stage.processes.keys()]);
      const pause = chance.between(200, 2_000);
      return { name: `${name} is killed for ${pause} ms`, run: async () => (await processOf(name)).crash(pause) };
    },
    () => {
      const name = chance.of([...stage.processes.keys()]);
      const ms = chance.between(1_000, 6_000);
      return {
        name: `${name} is stopped for ${ms} ms`,
        run: async () => {
          const { pid } = await processOf(name);
          process.kill(pid, 'SIGSTOP');
          await sleep(ms);
          process.kill(pid, 'SIGCONT');
        },
      };
    },
    () => {
      const name = chance.of(databases);
      return {
        name: `every connection to the database of ${name} is cut`,
        run: () => {
          proxyOf(name).cut();
          return Promise.resolve();
        },
      };
    },
    () => {
      const name = chance.of(databases);
      const ms = chance.between(1_000, 5_000);
      return {
        name: `nothing passes to the database of ${name} for ${ms} ms, without an error`,
        run: async () => {
          proxyOf(name).pause();
          await sleep(ms);
          proxyOf(name).resume();
        },
      };
    },
    () => {
      const name = chance.of(databases);
      const ms = chance.between(20, 120);
      return {
        name: `the database of ${name} answers ${ms} ms late`,
        run: async () => {
          proxyOf(name).delay(ms);
          await sleep(3_000);
          proxyOf(name).delay(0);
        },
      };
    },
    () => {
      const name = chance.of(databases);
      const ms = chance.between(2_000, 8_000);
      return {
        name: `a transaction in the database of ${name} stays open for ${ms} ms, so that its relay must wait`,
        run: async () => {
          const client = new pg.Client({ connectionString: stage.owners.get(name) });
          // PostgreSQL may be killed during this
          client.on('error', () => undefined);
          await client.connect();
          await client.query('begin; select pg_current_xact_id()');
          await sleep(ms);
          await client.end().catch(() => undefined);
        },
      };
    },
  ];
  for (;;) {
    const round = [...kinds];
    // the most important faults come first, even in a short run
    if (round.length > 4) for (const make of round.splice(0, 4)) yield make();
    while (round.length > 0) {
      const [make] = round.splice(chance.below(round.length), 1);
      if (make !== undefined) yield make();
    }
  }
}
