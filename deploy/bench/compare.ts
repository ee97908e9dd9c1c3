import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '#libs/servers';
import type { BenchCase } from './cases.js';
import { httpSuite } from './http-suite.js';
import { median } from './report.js';

/** Between two measurements: what the last one left to do is done meanwhile. */
const REST_MS = 2_500;

/** A network of one checkout on a server of its own. */
interface Side {
  readonly name: string;
  readonly cases: readonly BenchCase[];
  close(): Promise<void>;
}

async function sideOf(name: string, directory: string, seconds: number): Promise<Side> {
  const server = await startPostgres({ sharedBuffers: '512MB' });
  const suite = await httpSuite({ adminUrl: server.adminUrl, ledgerUrl: '', seconds }, directory);
  return { name, cases: suite.cases, close: () => suite.close().finally(() => server.stop()) };
}

/**
 * Measures the HTTP cases of two checkouts in turns, so that what else the machine does affects both alike.
 * @param directory the other checkout, built with `npm run build`
 */
export async function compare(
  directory: string,
  rounds: number,
  seconds: number,
  say: (text: string) => void,
): Promise<void> {
  const sides = [await sideOf('other', directory, seconds), await sideOf('this', process.cwd(), seconds)];
  try {
    const rates = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const [n] of (sides[0]?.cases ?? []).entries()) {
        for (const { name, cases } of round % 2 === 0 ? sides : [...sides].reverse()) {
          await sleep(REST_MS);
          const { perSecond } = (await cases[n]?.run()) ?? { perSecond: 0 };
          const key = `${cases[n]?.name}: ${name}`;
          rates.set(key, [...(rates.get(key) ?? []), Math.round(perSecond)]);
        }
      }
    }
    for (const [key, all] of rates) say(`${key}: median ${median(all)}/s of ${all.join(' ')}`);
  } finally {
    for (const side of sides) await side.close();
  }
}
